import Testing

@testable import Crypto

struct HeldSecretTests {
    @Test func `a held secret equals the same bytes and no others`() {
        let held = HeldSecret(Array("xxsecret".utf8)[2...])
        for other in ["secret", "", "secre", "secrets", "Secret", "xecret"] {
            // Outside of the expectation, which would copy it.
            let isEqual = held.isEqual(to: Array(other.utf8)[...])
            #expect(isEqual == (other == "secret"))
        }
    }
}
