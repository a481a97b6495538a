package authz_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

const sessionMissing = accessv1.ErrorReason_ERROR_REASON_MEMBER_SESSION_NOT_FOUND

func (w *world) sessionsOf(as *authzv1.SessionCredentials, member string) []*authzv1.MemberSession {
	w.t.Helper()
	list, err := w.organization.ListMemberSessions(w.with(as), &authzv1.ListMemberSessionsRequest{MemberId: member})
	ok(w.t, err)
	return list.GetMemberSessions()
}

// lives says whether a session is let in, without waiting for the next question to Stytch.
func (w *world) lives(session *authzv1.SessionCredentials) bool {
	w.t.Helper()
	_, err := w.sessions.GetSession(w.with(session), &authzv1.GetSessionRequest{})
	if err != nil {
		expect(w.t, err, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID)
	}
	return err == nil
}

func TestAnAdministratorSeesAMembersSessionsAndEndsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.idpClock.set(-time.Minute)
	first := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	w.idpClock.set(0)
	second := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	third := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	ada := w.signIn(devidptest.AdaEmail, devidptest.Acme)
	for _, s := range []*authzv1.SessionCredentials{first, second, third} {
		if !w.lives(s) {
			t.Fatal("a session that was just started does not live")
		}
	}

	listed := w.sessionsOf(ada, devidptest.Emma)
	if len(listed) != 3 {
		t.Fatalf("of three sessions, %d are listed", len(listed))
	}
	oldest := listed[2]
	f := oldest.GetFactors()
	if len(f) != 1 || f[0].GetType() != "email_otp" || f[0].GetDeliveryMethod() != "email" || !f[0].GetLastAuthenticationTime().IsValid() {
		t.Errorf("the proofs are %v", f)
	}
	if !oldest.GetStartTime().AsTime().Before(listed[0].GetStartTime().AsTime()) || !oldest.GetLastAccessTime().IsValid() ||
		!oldest.GetExpireTime().AsTime().After(oldest.GetStartTime().AsTime()) || oldest.GetCurrent() {
		t.Errorf("the session that was used first is %v", oldest)
	}
	for _, session := range listed {
		shown := protojson.Format(session)
		for _, s := range []*authzv1.SessionCredentials{first, second, third} {
			if strings.Contains(shown, s.GetSessionToken()) || strings.Contains(shown, s.GetSessionJwt()) {
				t.Errorf("a session is shown with a secret: %s", shown)
			}
		}
	}

	_, err := w.organization.RevokeMemberSession(w.with(ada), &authzv1.RevokeMemberSessionRequest{
		MemberId: devidptest.Emma, MemberSessionId: oldest.GetMemberSessionId(),
	})
	ok(t, err)
	if w.lives(first) || !w.lives(second) {
		t.Error("the session that was ended lives, or another one does not")
	}
	_, err = w.organization.RevokeMemberSession(w.with(ada), &authzv1.RevokeMemberSessionRequest{
		MemberId: devidptest.Emma, MemberSessionId: oldest.GetMemberSessionId(),
	})
	expect(t, err, sessionMissing)

	_, err = w.organization.RevokeAllMemberSessions(w.with(ada), &authzv1.RevokeAllMemberSessionsRequest{MemberId: devidptest.Emma})
	ok(t, err)
	if w.lives(second) || w.lives(third) || !w.lives(ada) {
		t.Error("not the sessions of one member were ended")
	}
	if left := w.sessionsOf(ada, devidptest.Emma); len(left) != 0 {
		t.Errorf("after all were ended, %v are left", left)
	}
}

func TestAMemberEndsTheirOwnOtherSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	here, there, elsewhere := w.signIn(devidptest.EmmaEmail, devidptest.Acme), w.signIn(devidptest.EmmaEmail, devidptest.Acme), w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	if !w.lives(there) || !w.lives(elsewhere) {
		t.Fatal("a session that was just started does not live")
	}
	agent := w.idp.MintAgent(devidptest.Emma, "read:okrs")
	current := 0
	for _, session := range w.sessionsOf(here, devidptest.Emma) {
		if session.GetCurrent() {
			current++
		}
	}
	if current != 1 {
		t.Errorf("%d sessions are the one that asked", current)
	}
	_, err := w.organization.RevokeAllMemberSessions(w.with(here), &authzv1.RevokeAllMemberSessionsRequest{MemberId: devidptest.Emma})
	ok(t, err)
	if w.lives(there) || w.lives(elsewhere) || !w.lives(here) {
		t.Error("not all sessions but the one that asked were ended")
	}
	w.authenticate(&authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_AccessToken{AccessToken: agent.AccessToken}})
}

// The id of a session is no permission to end it: Stytch ends whichever session it is given.
func TestASessionIsEndedOnlyUnderItsMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, emma := w.signIn(devidptest.AdaEmail, devidptest.Acme), w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	gus := w.signIn(devidptest.GusEmail, devidptest.Globex)
	adas, guss := w.sessionsOf(ada, devidptest.Ada)[0].GetMemberSessionId(), w.sessionsOf(gus, devidptest.Gus)[0].GetMemberSessionId()
	end := func(as *authzv1.SessionCredentials, member, session string) error {
		_, err := w.organization.RevokeMemberSession(w.with(as), &authzv1.RevokeMemberSessionRequest{MemberId: member, MemberSessionId: session})
		return err
	}
	expect(t, end(emma, devidptest.Emma, adas), sessionMissing)
	expect(t, end(emma, devidptest.Ada, adas), denied)
	expect(t, end(ada, devidptest.Emma, guss), sessionMissing)
	expect(t, end(ada, devidptest.Gus, guss), memberMissing)
	if !w.lives(ada) || !w.lives(gus) {
		t.Error("a session was ended in another member's name")
	}
}

func TestSessionsWhenStytchDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, emma := w.signIn(devidptest.AdaEmail, devidptest.Acme), w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	id := w.sessionsOf(ada, devidptest.Emma)[0].GetMemberSessionId()
	w.proxy.behaveAt("/v1/b2b/sessions/revoke", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
	_, err := w.organization.RevokeMemberSession(w.with(ada), &authzv1.RevokeMemberSessionRequest{MemberId: devidptest.Emma, MemberSessionId: id})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE)
	w.proxy.behave("", nil)
	if !w.lives(emma) {
		t.Error("a session that was not ended does not live")
	}
}
