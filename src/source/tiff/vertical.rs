//! Units of heights, by their codes and by the vertical systems that have them.

/// The name of a unit by its EPSG code.
pub fn unit(code: u64) -> Option<&'static str> {
    Some(match code {
        9001 => "metre",
        9002 => "foot",
        9003 => "US survey foot",
        9005 => "Clarke's foot",
        9014 => "fathom",
        9030 => "nautical mile",
        9036 => "kilometre",
        9041 => "British foot (Sears 1922)",
        9070 => "British foot (1865)",
        9080 => "Indian foot",
        9093 => "Statute mile",
        9095 => "British foot (1936)",
        9096 => "yard",
        _ => return None,
    })
}

/// The unit of a vertical system by its EPSG code, from the register of EPSG of 2023.
pub fn unit_of_system(code: u64) -> Option<&'static str> {
    match code {
        3855
        | 3886
        | 3900
        | 4440
        | 4458
        | 5193
        | 5195
        | 5214
        | 5237
        | 5317
        | 5336
        | 5597
        | 5600..=5613
        | 5615..=5621
        | 5701
        | 5703..=5706
        | 5709..=5753
        | 5755..=5799
        | 5829
        | 5831
        | 5843
        | 5861..=5874
        | 5941
        | 6178..=6187
        | 6357
        | 6638..=6644
        | 6647
        | 6693..=6695
        | 6916
        | 7446
        | 7447
        | 7651
        | 7652
        | 7699
        | 7700
        | 7707
        | 7832
        | 7837
        | 7839
        | 7841
        | 7888..=7890
        | 7962
        | 7968
        | 7976
        | 7979
        | 8089
        | 8266
        | 8267
        | 8357
        | 8358
        | 8378
        | 8434
        | 8675
        | 8690
        | 8691
        | 8841
        | 8881
        | 8904
        | 8911
        | 9130
        | 9245
        | 9255
        | 9274
        | 9279
        | 9287
        | 9288
        | 9303
        | 9335
        | 9351
        | 9389
        | 9390
        | 9392..=9402
        | 9451
        | 9458
        | 9471
        | 9650
        | 9651
        | 9663
        | 9666
        | 9669
        | 9672
        | 9675
        | 9681
        | 9721
        | 9722
        | 9923
        | 9927
        | 20000
        | 20034..=20036 => unit(9001),
        5614 | 6130..=6132 | 8050 | 8051 | 8228 | 8897 => unit(9002),
        5702 | 6358..=6360 | 8052 | 8053 => unit(9003),
        5754 => unit(9095),
        _ => None,
    }
}
