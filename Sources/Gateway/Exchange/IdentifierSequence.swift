/// Identifiers that do not repeat for 2⁶⁴ requests: a full-period sequence from a random start, mixed so that neighbours look unlike each other
/// (SplitMix64). They are no secrets.
struct IdentifierSequence {
    private var number = UInt64.random(in: 0 ... .max)

    /// Never 0, which is no identifier in a trace.
    mutating func next() -> UInt64 {
        while true {
            number &+= 0x9e37_79b9_7f4a_7c15
            var mixed = number
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            mixed ^= mixed >> 31
            if mixed != 0 { return mixed }
        }
    }
}
