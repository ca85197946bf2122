/// An injected fault has ended the exchange; no response follows.
struct InjectedFault: Error {}
