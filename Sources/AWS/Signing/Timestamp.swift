import FoundationEssentials

/// A time in SigV4's form, in UTC and whole seconds (ECR 5).
struct Timestamp {
    /// `20150830T123600Z`
    let text: String
    /// `20150830`
    var day: Substring { text.prefix(8) }

    init(_ date: Date) {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down))
        let (days, second) = seconds.quotientAndRemainder(dividingBy: 86400)
        let (year, month, day) = Self.civil(daysSince1970: days)
        text =
            Self.padded(year, 4) + Self.padded(month, 2) + Self.padded(day, 2) + "T" + Self.padded(second / 3600, 2)
            + Self.padded(second / 60 % 60, 2) + Self.padded(second % 60, 2) + "Z"
    }

    /// The Gregorian date of a day from 1970 on. The computation lets years begin in March, so that the leap day is the last of its year.
    private static func civil(daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
        let days = daysSince1970 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * march + 2) / 5 + 1)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
