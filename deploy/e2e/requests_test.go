package e2e

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what authenticator apps compute with (RFC 6238)
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// ids matches the ids of what requests are about: objectives and key results, members and connections.
var ids = regexp.MustCompile(`((?:okr|kr|prp)_|(?:member|oidc-connection)-test-)[0-9A-Za-z]{8}[0-9A-Za-z-]*`)

// requests makes a valid request of any RPC, about what is there: resources of the organization of ceo, and sign-ins that
// are under way.
type requests struct {
	ceo *person
	// elsewhere is another organization that every member can enter.
	elsewhere string
	// objective and keyResult stay; what a request may change or delete is made for it.
	objective, keyResult string
	// token is an access token, to ask about.
	token string
	// app is the client id of an application that anyone can let in.
	app string

	// scim is held from the making of a request about a SCIM connection to its answer.
	scim sync.Mutex

	made  atomic.Int64 // numbers what is made
	wrote atomic.Int64 // counts changes of objectives and key results

	// proposed are the proposals that were made last. Those before are withdrawn: a member has a bounded number of open ones.
	proposed chan string
}

// request is what a call needs: a message, and the intermediate session of a sign-in that is under way, if it needs one.
type request struct {
	message      proto.Message
	intermediate string
	// of is whose request it can be alone. Callers in person make it in that member's place.
	of *person
}

func (r *requests) freshObjective(t *testing.T) string {
	t.Helper()
	r.wrote.Add(1)
	return r.ceo.objective(t, fmt.Sprintf("Objective %d", r.made.Add(1)))
}

func (r *requests) freshKeyResult(t *testing.T) string {
	t.Helper()
	r.wrote.Add(1)
	return r.ceo.keyResult(t, r.objective, fmt.Sprintf("Key result %d", r.made.Add(1)))
}

func (r *requests) closedObjective(t *testing.T) string {
	t.Helper()
	id := r.freshObjective(t)
	r.wrote.Add(1)
	r.ceo.must(t, http.MethodPost, "/api/v1/objectives/"+id+":close", `{"score":"0.5"}`)
	return id
}

func (r *requests) archivedObjective(t *testing.T) string {
	t.Helper()
	id := r.freshObjective(t)
	r.wrote.Add(1)
	r.ceo.must(t, http.MethodPost, "/api/v1/objectives/"+id+":archive", `{}`)
	return id
}

// of makes a request; false if the RPC is not known here, which is a row that misses.
func (r *requests) of(t *testing.T, rpc string) (request, bool) {
	t.Helper()
	service, method, _ := strings.Cut(rpc, "/")
	var message proto.Message
	switch service {
	case "okr.v1.OkrService":
		message = r.ofStore(t, method)
	case "authz.v1.SessionService":
		return r.ofSession(t, method)
	case "authz.v1.OrganizationService":
		message = r.ofOrganization(t, method)
	case "authz.v1.ConsentService":
		message = r.ofConsent(t, method)
	case scimService:
		message = r.ofScim(t, method)
	default:
		message = r.ofAuthz(method)
	}
	return request{message: message}, message != nil
}

// freshProposal is one of the CEO in person: to change an objective.
func (r *requests) freshProposal(t *testing.T) string {
	t.Helper()
	got := r.ceo.call(t, http.MethodPatch, "/api/v1/objectives/"+r.freshObjective(t)+"?mode=WRITE_MODE_PROPOSE", `{"title":"Grow faster"}`)
	id := got.proposal(t)
	if got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for {
		select {
		case r.proposed <- id:
			return id
		case old := <-r.proposed:
			r.ceo.call(t, http.MethodPost, "/api/v1/proposals/"+old+":withdraw", "{}") // unless it was decided on
		}
	}
}

func (r *requests) ofProposals(t *testing.T, method string) proto.Message {
	t.Helper()
	switch method {
	case "ListProposals":
		return &okrv1.ListProposalsRequest{PageSize: 2}
	case "GetProposal":
		return &okrv1.GetProposalRequest{ProposalId: r.freshProposal(t)}
	case "ApproveProposal":
		return &okrv1.ApproveProposalRequest{ProposalId: r.freshProposal(t)}
	case "RejectProposal":
		return &okrv1.RejectProposalRequest{ProposalId: r.freshProposal(t), Reason: "Not now"}
	case "WithdrawProposal":
		return &okrv1.WithdrawProposalRequest{ProposalId: r.freshProposal(t)}
	case "GetAgentSettings":
		return &okrv1.GetAgentSettingsRequest{}
	case "ListClientActivity":
		return &okrv1.ListClientActivityRequest{PageSize: 2}
	case "SetTrustReports":
		return &okrv1.SetTrustReportsRequest{TrustReports: true}
	case "SetProposeOnly":
		return &okrv1.SetProposeOnlyRequest{ClientId: "connected-app-of-nobody", ProposeOnly: true}
	}
	return nil
}

func (r *requests) ofStore(t *testing.T, method string) proto.Message {
	t.Helper()
	switch method {
	case "CreateObjective":
		return &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}}
	case "GetObjective":
		return &okrv1.GetObjectiveRequest{ObjectiveId: r.objective}
	case "ListObjectives":
		return &okrv1.ListObjectivesRequest{PageSize: 2}
	case "UpdateObjective":
		return &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: r.freshObjective(t), Title: "Grow faster"}}
	case "CloseObjective":
		return &okrv1.CloseObjectiveRequest{ObjectiveId: r.freshObjective(t), Score: "0.7", ClosingNote: "Nearly"}
	case "ReopenObjective":
		return &okrv1.ReopenObjectiveRequest{ObjectiveId: r.closedObjective(t)}
	case "ArchiveObjective":
		return &okrv1.ArchiveObjectiveRequest{ObjectiveId: r.freshObjective(t)}
	case "RestoreObjective":
		return &okrv1.RestoreObjectiveRequest{ObjectiveId: r.archivedObjective(t)}
	case "DeleteObjective":
		return &okrv1.DeleteObjectiveRequest{ObjectiveId: r.freshObjective(t)}
	case "CreateKeyResult":
		return &okrv1.CreateKeyResultRequest{ObjectiveId: r.freshObjective(t), KeyResult: &okrv1.KeyResult{Title: "By ten"}}
	case "GetKeyResult":
		return &okrv1.GetKeyResultRequest{KeyResultId: r.keyResult}
	case "ListKeyResults":
		return &okrv1.ListKeyResultsRequest{ObjectiveId: r.objective, PageSize: 2}
	case "ListDueKeyResults":
		return &okrv1.ListDueKeyResultsRequest{PageSize: 2}
	case "UpdateKeyResult":
		return &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: r.freshKeyResult(t), Title: "By twenty"}}
	case "SetKeyResultAttainment":
		return &okrv1.SetKeyResultAttainmentRequest{KeyResultId: r.freshKeyResult(t), ObjectiveId: r.objective, Attainment: proto.Int32(40)}
	case "CreateCheckIn":
		return &okrv1.CreateCheckInRequest{KeyResultId: r.freshKeyResult(t), CheckIn: &okrv1.CheckIn{Value: "40", Note: "So far"}}
	case "ConfirmCheckIn": // of one in person, which needs no confirmation
		id := r.ceo.keyResult(t, r.freshObjective(t), "Reported in person")
		r.wrote.Add(2)
		r.ceo.must(t, http.MethodPost, "/api/v1/keyResults/"+id+"/checkIns", `{"value":"40"}`)
		made := r.ceo.must(t, http.MethodGet, "/api/v1/keyResults/"+id+"/checkIns", "").list("checkIns")
		return &okrv1.ConfirmCheckInRequest{KeyResultId: id, CheckInId: made[0].text("id")}
	case "ListCheckIns":
		return &okrv1.ListCheckInsRequest{KeyResultId: r.keyResult, PageSize: 2}
	case "DeleteKeyResult":
		return &okrv1.DeleteKeyResultRequest{KeyResultId: r.freshKeyResult(t), ObjectiveId: r.objective}
	case "ListChanges":
		return &okrv1.ListChangesRequest{PageSize: 2}
	case "GetChangeLogHead":
		return &okrv1.GetChangeLogHeadRequest{}
	case "UndoChange":
		head, err := strconv.ParseInt(r.ceo.must(t, http.MethodGet, "/api/v1/changes:head", "").text("seq"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return &okrv1.UndoChangeRequest{Seq: head, Preview: true}
	case "UndoClientChanges":
		return &okrv1.UndoClientChangesRequest{ClientId: r.app, Preview: true}
	case "WatchChanges":
		return &okrv1.WatchChangesRequest{}
	case "ExportObjectives":
		return &okrv1.ExportObjectivesRequest{}
	case "ImportObjectives":
		// The end of a file, of which everything was imported before.
		return &okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Start{Start: &okrv1.ImportStart{
			Format:       okrv1.TransferFormat_TRANSFER_FORMAT_CSV,
			Continuation: base64.RawURLEncoding.EncodeToString([]byte(`{"f":2,"o":1,"r":1,"h":["record"]}`)),
		}}}
	}
	return r.ofProposals(t, method)
}

func (r *requests) ofAuthz(method string) proto.Message {
	switch method {
	case "Authenticate":
		return &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_AccessToken{AccessToken: r.token}}
	case "GetTransactionTokenKeys":
		return &authzv1.GetTransactionTokenKeysRequest{}
	case "GetAccessPolicy":
		return &authzv1.GetAccessPolicyRequest{}
	}
	return nil
}

func (r *requests) ofConsent(t *testing.T, method string) proto.Message {
	t.Helper()
	switch method {
	case "StartAuthorization":
		return &authzv1.StartAuthorizationRequest{
			ClientId: r.app, RedirectUri: appAddress, Scope: "openid read:okrs", CodeChallenge: challengeOf(appVerifier), CodeChallengeMethod: "S256",
		}
	case "DecideAuthorization":
		shown := r.ceo.must(t, http.MethodPost, startPath, authorizationRequest(r.app).json(t))
		return &authzv1.DecideAuthorizationRequest{Authorization: shown.text("authorization"), Allow: true}
	case "ListConnectedApps":
		return &authzv1.ListConnectedAppsRequest{}
	case "RevokeConnectedApp":
		agent := r.ceo.letIn(t, fmt.Sprintf("Agent %d that is thrown out", r.made.Add(1)), "read:okrs")
		return &authzv1.RevokeConnectedAppRequest{ClientId: agent.ClientID}
	}
	return nil
}

func (r *requests) ofOrganization(t *testing.T, method string) proto.Message {
	t.Helper()
	switch method {
	case "GetOrganization":
		return &authzv1.GetOrganizationRequest{}
	case "UpdateOrganization":
		return &authzv1.UpdateOrganizationRequest{Organization: &authzv1.Organization{DisplayName: "Another name"}}
	case "GetSignInSettings":
		return &authzv1.GetSignInSettingsRequest{}
	case "UpdateSignInSettings":
		return &authzv1.UpdateSignInSettingsRequest{SignInSettings: &authzv1.SignInSettings{EmailInvites: authzv1.Admission_ADMISSION_ALL_ALLOWED}}
	case "GetAdministrationAccess":
		return &authzv1.GetAdministrationAccessRequest{}
	case "ListRoles":
		return &authzv1.ListRolesRequest{}
	case "ListMembers":
		return &authzv1.ListMembersRequest{}
	case "SearchMembers":
		return &authzv1.SearchMembersRequest{PageSize: 2}
	case "GetMember":
		return &authzv1.GetMemberRequest{MemberId: r.ceo.member}
	case "InviteMember":
		return &authzv1.InviteMemberRequest{EmailAddress: r.address()}
	case "ResendInvitation":
		return &authzv1.ResendInvitationRequest{MemberId: r.ceo.system.provider.invite(t, r.ceo.organization, r.address())}
	case "UpdateMember":
		return &authzv1.UpdateMemberRequest{Member: &authzv1.MemberAccount{MemberId: r.freshMember(t), Roles: []string{"manager"}}}
	case "DeactivateMember":
		return &authzv1.DeactivateMemberRequest{MemberId: r.freshMember(t)}
	case "ReactivateMember":
		return &authzv1.ReactivateMemberRequest{MemberId: r.removedMember(t)}
	}
	return r.ofConnections(t, method)
}

func (r *requests) ofConnections(t *testing.T, method string) proto.Message {
	t.Helper()
	switch method {
	case "ListSsoConnections":
		return &authzv1.ListSsoConnectionsRequest{}
	case "GetSsoConnection":
		return &authzv1.GetSsoConnectionRequest{SsoConnectionId: r.freshConnection(t)}
	case "CreateSsoConnection":
		return &authzv1.CreateSsoConnectionRequest{Kind: authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_SAML, DisplayName: "Company login"}
	case "UpdateSsoConnection":
		return &authzv1.UpdateSsoConnectionRequest{SsoConnection: &authzv1.SsoConnection{Id: r.freshConnection(t), DisplayName: "Company login"}}
	case "ListMemberConnectedApps":
		return &authzv1.ListMemberConnectedAppsRequest{}
	case "RevokeMemberConnectedApp":
		agent := r.ceo.letIn(t, fmt.Sprintf("Agent %d that is disconnected", r.made.Add(1)), "read:okrs")
		return &authzv1.RevokeMemberConnectedAppRequest{MemberId: r.ceo.member, ClientId: agent.ClientID}
	case "DeleteSsoConnection":
		return &authzv1.DeleteSsoConnectionRequest{SsoConnectionId: r.freshConnection(t)}
	}
	return r.ofMemberSessions(t, method)
}

// ofMemberSessions are about somebody whom nobody else of the test is.
func (r *requests) ofMemberSessions(t *testing.T, method string) proto.Message {
	t.Helper()
	switch method {
	case "ListMemberSessions":
		return &authzv1.ListMemberSessionsRequest{MemberId: r.freshMember(t)}
	case "RevokeAllMemberSessions":
		return &authzv1.RevokeAllMemberSessionsRequest{MemberId: r.freshMember(t)}
	case "RevokeMemberSession":
		member := r.ceo.hire(t, r.address()).member
		listed := r.ceo.must(t, http.MethodGet, "/api/v1/members/"+member+"/sessions", "")
		return &authzv1.RevokeMemberSessionRequest{MemberId: member, MemberSessionId: listed.list("memberSessions")[0].text("memberSessionId")}
	}
	return nil
}

const scimService = "authz.v1.ScimService"

// ofScim makes room for a connection or makes one: an organization has one at most.
func (r *requests) ofScim(t *testing.T, method string) proto.Message {
	t.Helper()
	r.ceo.system.provider.removeScim(t, r.ceo.organization)
	if r.elsewhere != "" {
		r.ceo.system.provider.removeScim(t, r.elsewhere)
	}
	switch method {
	case "ListScimConnections":
		return &authzv1.ListScimConnectionsRequest{}
	case "CreateScimConnection":
		return &authzv1.CreateScimConnectionRequest{DisplayName: "Company directory"}
	}
	id := r.ceo.must(t, http.MethodPost, "/api/v1/scimConnections", `{"displayName":"Company directory"}`).text("id")
	rotating := func() { r.ceo.must(t, http.MethodPost, "/api/v1/scimConnections/"+id+":startTokenRotation", `{}`) }
	switch method {
	case "StartScimTokenRotation":
		return &authzv1.StartScimTokenRotationRequest{ScimConnectionId: id}
	case "CompleteScimTokenRotation":
		rotating()
		return &authzv1.CompleteScimTokenRotationRequest{ScimConnectionId: id}
	case "CancelScimTokenRotation":
		rotating()
		return &authzv1.CancelScimTokenRotationRequest{ScimConnectionId: id}
	case "DeleteScimConnection":
		return &authzv1.DeleteScimConnectionRequest{ScimConnectionId: id}
	}
	return nil
}

func (r *requests) freshMember(t *testing.T) string {
	t.Helper()
	return r.ceo.system.provider.addMember(t, r.ceo.organization, r.address())
}

// removedMember is somebody who once signed in, so that there is a proven address to come back with.
func (r *requests) removedMember(t *testing.T) string {
	t.Helper()
	gone := r.ceo.hire(t, r.address())
	r.ceo.system.provider.removeMember(t, gone.organization, gone.member)
	return gone.member
}

func (r *requests) freshConnection(t *testing.T) string {
	t.Helper()
	return r.ceo.system.provider.addConnection(t, r.ceo.organization)
}

func (r *requests) ofSession(t *testing.T, method string) (request, bool) {
	t.Helper()
	switch method {
	case "SendEmailCode":
		return request{message: &authzv1.SendEmailCodeRequest{EmailAddress: r.address()}}, true
	case "AuthenticateEmailCode":
		email := r.address()
		r.nobody(t).must(t, http.MethodPost, "/api/v1/session:sendEmailCode", `{"emailAddress":"`+email+`"}`)
		return request{message: &authzv1.AuthenticateEmailCodeRequest{
			EmailAddress: email, Code: r.ceo.system.provider.code(t, email),
		}}, true
	case "StartOAuth":
		return request{message: r.startOAuth()}, true
	case "StartSso":
		start := r.startOAuth()
		return request{message: &authzv1.StartSsoRequest{
			OrganizationSlug: "acme", RedirectUri: start.GetRedirectUri(), CodeChallenge: start.GetCodeChallenge(),
		}}, true
	case "AuthenticateRedirect":
		return request{message: &authzv1.AuthenticateRedirectRequest{
			TokenType:    authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_DISCOVERY_OAUTH,
			Token:        r.comeBack(t),
			CodeVerifier: verifier,
		}}, true
	case "ListDiscoveredOrganizations":
		return request{message: &authzv1.ListDiscoveredOrganizationsRequest{}, intermediate: r.underWay(t, r.address())}, true
	case "JoinOrganization":
		email := r.address()
		r.ceo.system.provider.addMember(t, r.ceo.organization, email)
		return request{message: &authzv1.JoinOrganizationRequest{OrganizationId: r.ceo.organization}, intermediate: r.underWay(t, email)}, true
	case "CreateOrganization":
		return request{message: &authzv1.CreateOrganizationRequest{DisplayName: "Another"}, intermediate: r.underWay(t, r.address())}, true
	case "CreateTotp", "AuthenticateTotp", "AuthenticateRecoveryCode":
		return r.ofSecondFactor(t, method), true
	case "GetSecondFactor":
		return request{message: &authzv1.GetSecondFactorRequest{}}, true
	case "StartTotpEnrollment":
		return request{message: &authzv1.StartTotpEnrollmentRequest{}}, true
	case "CompleteTotpEnrollment", "RotateRecoveryCodes", "RemoveTotp":
		return r.ofOwnFactor(t, method), true
	case "SwitchOrganization":
		return request{message: &authzv1.SwitchOrganizationRequest{OrganizationId: r.elsewhere}}, true
	case "GetSession":
		return request{message: &authzv1.GetSessionRequest{}}, true
	case "RefreshSession":
		return request{message: &authzv1.RefreshSessionRequest{}}, true
	case "RevokeSession":
		return request{message: &authzv1.RevokeSessionRequest{}}, true
	}
	return request{}, false
}

// ofSecondFactor are requests of a fresh member who signs in: with no authenticator app, with one that has had no code yet,
// and with one that is lost.
func (r *requests) ofSecondFactor(t *testing.T, method string) request {
	t.Helper()
	email, organization := r.address(), r.ceo.organization
	member := r.ceo.system.provider.addMember(t, organization, email)
	if method == "CreateTotp" {
		return request{message: &authzv1.CreateTotpRequest{OrganizationId: organization, MemberId: member}, intermediate: r.underWay(t, email)}
	}
	p := r.nobody(t)
	p.prove(t, email)
	whose := `"organizationId":"` + organization + `","memberId":"` + member + `"`
	app := p.must(t, http.MethodPost, "/api/v1/session:createTotp", "{"+whose+"}")
	code := totp(t, app.text("secret"), time.Now())
	if method == "AuthenticateTotp" {
		return request{
			message:      &authzv1.AuthenticateTotpRequest{OrganizationId: organization, MemberId: member, Code: code},
			intermediate: p.cookie(t, cookieIntermediate),
		}
	}
	p.must(t, http.MethodPost, "/api/v1/session:authenticateTotp", "{"+whose+`,"code":"`+code+`"}`)
	recovery, _ := app["recoveryCodes"].([]any)
	if len(recovery) == 0 {
		t.Fatalf("there are no recovery codes: %v", app)
	}
	return request{message: &authzv1.AuthenticateRecoveryCodeRequest{
		OrganizationId: organization, MemberId: member, RecoveryCode: fmt.Sprint(recovery[0]),
	}, intermediate: r.underWay(t, email)}
}

// ofOwnFactor are requests of a fresh member who is signed in, with an authenticator app that has had no code yet, or is in
// use.
func (r *requests) ofOwnFactor(t *testing.T, method string) request {
	t.Helper()
	p := r.ceo.hire(t, r.address())
	const at = "/api/v1/session/secondFactor:"
	secret := p.must(t, http.MethodPost, at+"startTotpEnrollment", "{}").text("secret")
	if method == "CompleteTotpEnrollment" {
		return request{message: &authzv1.CompleteTotpEnrollmentRequest{Code: totp(t, secret, time.Now())}, of: p}
	}
	p.must(t, http.MethodPost, at+"completeTotpEnrollment", `{"code":"`+totp(t, secret, time.Now())+`"}`)
	next := totp(t, secret, time.Now().Add(30*time.Second)) // no code is good twice
	if method == "RemoveTotp" {
		return request{message: &authzv1.RemoveTotpRequest{Proof: &authzv1.RemoveTotpRequest_Code{Code: next}}, of: p}
	}
	return request{message: &authzv1.RotateRecoveryCodesRequest{Code: next}, of: p}
}

// totp is what an authenticator app shows at a moment (RFC 6238).
func totp(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fff_ffff%1_000_000)
}

func (r *requests) nobody(t *testing.T) *person {
	t.Helper()
	return r.ceo.system.newPerson(t)
}

// address is one that nobody has used.
func (r *requests) address() string { return fmt.Sprintf("somebody-%d@nowhere.test", r.made.Add(1)) }

// underWay proves an address and answers the intermediate session.
func (r *requests) underWay(t *testing.T, email string) string {
	t.Helper()
	p := r.nobody(t)
	p.prove(t, email)
	return p.cookie(t, cookieIntermediate)
}

// verifier is the PKCE verifier of sign-ins that start at Google (RFC 7636).
const verifier = "a-verifier-that-is-long-enough-to-be-one-of-rfc-7636"

// challengeOf is the S256 challenge of a verifier (RFC 7636 section 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (r *requests) startOAuth() *authzv1.StartOAuthRequest {
	return &authzv1.StartOAuthRequest{
		Provider:      authzv1.OAuthProvider_O_AUTH_PROVIDER_GOOGLE,
		RedirectUri:   r.ceo.system.PublicURL + "/authenticate",
		CodeChallenge: challengeOf(verifier),
	}
}

// comeBack chooses somebody on the page that stands in for Google, and answers the token of the redirect.
func (r *requests) comeBack(t *testing.T) string {
	t.Helper()
	start, err := authzv1.NewSessionServiceClient(r.ceo.system.authz).StartOAuth(t.Context(), r.startOAuth())
	if err != nil {
		t.Fatal(err)
	}
	target := choose(t, start.GetAuthorizationUrl(), r.address())
	return target.Query().Get("token")
}

// choose chooses a person on a page of the identity provider, and answers where the browser is sent.
func choose(t *testing.T, page, email string) *url.URL {
	t.Helper()
	form := url.Values{"email": {email}}.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	target, err := resp.Location()
	if err != nil {
		t.Fatalf("the identity provider answers %s: %v", resp.Status, err)
	}
	return target
}
