import Configuration
import Crypto
import FoundationEssentials

/// How a profile gets its credentials: what the shared files say, as a value that credential sources are made from (ECR 4.2).
indirect enum ProfilePlan: Equatable, Sendable {
    case keys(Credentials)
    /// A role, assumed with the credentials of another profile or of the machine.
    case role(AssumedRole, by: ProfilePlan)
    /// `credential_source`: the machine's own identity.
    case machine(MachineSource)
    case webIdentity(AssumedRole, tokenFile: String)
    case singleSignOn(SingleSignOnGrant)
    case process(command: String, place: String)

    /// The raw values are those of `credential_source`.
    enum MachineSource: String, CaseIterable {
        case Environment, Ec2InstanceMetadata, EcsContainer
    }

    /// Which of a profile's methods are considered. The SDKs look for the environment's web identity after a role and before the others.
    enum Methods { case all, role, others, process }
}
