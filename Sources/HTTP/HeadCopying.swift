extension Head {
    /// Appends the field lines that `include` selects, byte for byte: neighbours in one piece. Fields for this hop only are never among them
    /// (RFC 9110 7.6.1), nor those that the `Connection` field names.
    package func appendFields(to bytes: inout [UInt8], where include: (Field) -> Bool) {
        var run = 0..<0
        for field in fields where !field.name.isHopByHop && include(field) && !isNominatedHopByHop(field) {
            let line = field.lineRange
            if line.lowerBound == run.upperBound {
                run = run.lowerBound..<line.upperBound
            } else {
                bytes.append(contentsOf: self.bytes[run])
                run = line
            }
        }
        bytes.append(contentsOf: self.bytes[run])
    }
}
