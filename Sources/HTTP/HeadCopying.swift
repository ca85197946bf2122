extension Head {
    /// Appends the field lines that `keep` says yes to, byte for byte. Fields for this hop only are never among them
    /// (RFC 9110 7.6.1), nor those that the `Connection` field names.
    package func appendFields(to bytes: inout [UInt8], where keep: (Field) -> Bool) {
        for field in fields where !field.name.isHopByHop && keep(field) && !isNominatedHopByHop(field) {
            bytes.append(contentsOf: self.bytes[field.lineRange])
        }
    }
}
