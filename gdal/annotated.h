// Metadata as GDAL has it of the same object, under what was set of this one, which stays in memory as with
// every dataset that can only be read.
#ifndef TILECACHE_GDAL_ANNOTATED_H
#define TILECACHE_GDAL_ANNOTATED_H

#include <set>
#include <string>

#include <gdal_priv.h>

template <class Base> class Annotated : public Base {
public:
  char **GetMetadataDomainList() override
  {
    if (about() == nullptr)
      return Base::GetMetadataDomainList();
    CPLStringList all(about()->GetMetadataDomainList());
    for (const std::string &domain : m_set)
      if (all.FindString(domain.c_str()) < 0)
        all.AddString(domain.c_str());
    return all.StealList();
  }

  char **GetMetadata(const char *domain) override
  {
    return isSet(domain) || about() == nullptr ? Base::GetMetadata(domain) : about()->GetMetadata(domain);
  }

  const char *GetMetadataItem(const char *name, const char *domain) override
  {
    return isSet(domain) || about() == nullptr ? Base::GetMetadataItem(name, domain)
                                               : about()->GetMetadataItem(name, domain);
  }

  CPLErr SetMetadata(char **items, const char *domain) override
  {
    m_set.insert(named(domain));
    return Base::SetMetadata(items, domain);
  }

  CPLErr SetMetadataItem(const char *name, const char *value, const char *domain) override
  {
    if (!isSet(domain) && about() != nullptr)
      Base::SetMetadata(about()->GetMetadata(domain), domain);
    m_set.insert(named(domain));
    return Base::SetMetadataItem(name, value, domain);
  }

protected:
  // The object as GDAL reads it; NULL if it has none.
  virtual GDALMajorObject *about() const = 0;

  // Whether anything of a domain was set.
  bool isSet(const char *domain) const { return m_set.count(named(domain)) != 0; }

private:
  static std::string named(const char *domain) { return domain != nullptr ? domain : ""; }

  std::set<std::string> m_set; // domains
};

#endif
