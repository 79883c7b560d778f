/* Stands for a GDAL that a program brings itself: it has a driver manager of its own, and loads a plugin as GDAL does. */
#include <dlfcn.h>
#include <stddef.h>

void *GetGDALDriverManager(void);
int load_plugin(const char *path);

void *GetGDALDriverManager(void)
{
  return NULL;
}

int load_plugin(const char *path)
{
  void *plugin = dlopen(path, RTLD_LAZY);
  void (*start)(void) = NULL;
  if (plugin == NULL)
    return 1;
  *(void **)&start = dlsym(plugin, "GDALRegister_TILECACHE");
  if (start == NULL)
    return 2;
  start();
  return 0;
}
