package resourceauth

// The scopes of the access policy.
const (
	ScopeReadOKRs         = "read:okrs"
	ScopeManageObjectives = "manage:objectives"
	ScopeManageKeyResults = "manage:krs"
	ScopeReportStatus     = "report_kr_status"
)

// Scopes are what clients are told to ask for, in the metadata and in the challenge of a 401: everything that any member
// could use. The authorization server grants what the member consents to and may grant, so asking for all of it is safe;
// asking for more later, by a 403, is what many clients cannot do. offline_access is among them although the revision
// 2026-07-28 advises against it: Stytch gives a refresh token only to who asks for that scope, and without one people
// would have to consent every hour.
func Scopes() []string {
	return []string{
		"openid", "profile", "email", "offline_access",
		ScopeReadOKRs, ScopeManageObjectives, ScopeManageKeyResults, ScopeReportStatus,
	}
}
