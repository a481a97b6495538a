package stytch_test

import (
	"errors"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

// Without the headers of a session, Stytch would do whatever the project may.
func TestNobodyActsWithoutASession(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	acting := fake.connected(t).As(stytch.Credential{}, organization)
	for name, call := range map[string]func() error{
		"searching": func() error {
			_, err := acting.SearchAccounts(t.Context(), stytch.AccountQuery{Limit: 1})
			return err
		},
		"inviting": func() error {
			_, err := acting.Invite(t.Context(), stytch.Invitation{EmailAddress: "a@example.com"})
			return err
		},
		"changing a member": func() error {
			_, err := acting.UpdateAccount(t.Context(), "m", stytch.AccountChange{Roles: []string{}})
			return err
		},
		"listing connected apps": func() error { _, err := acting.ConnectedApps(t.Context(), "m"); return err },
		"listing those of all":   func() error { _, err := acting.MemberConnectedApps(t.Context()); return err },
		"disconnecting one":      func() error { return acting.RevokeConnectedApp(t.Context(), "m", "c") },
		"ending a session":       func() error { return acting.RevokeMemberSession(t.Context(), "s") },
		"ending all sessions":    func() error { return acting.RevokeMemberSessions(t.Context(), "m") },
		"seeing SCIM":            func() error { _, err := acting.SCIMConnection(t.Context()); return err },
		"connecting by SCIM":     func() error { _, err := acting.CreateSCIMConnection(t.Context(), "n", "okta"); return err },
		"rotating a token":       func() error { _, err := acting.StartSCIMRotation(t.Context(), "c"); return err },
		"completing a rotation":  func() error { _, err := acting.CompleteSCIMRotation(t.Context(), "c"); return err },
		"cancelling a rotation":  func() error { _, err := acting.CancelSCIMRotation(t.Context(), "c"); return err },
		"deleting SCIM":          func() error { return acting.DeleteSCIMConnection(t.Context(), "c") },
		"removing a member":      func() error { return acting.DeactivateAccount(t.Context(), "m") },
		"changing the rules":     func() error { _, _, err := acting.UpdateOrganization(t.Context(), map[string]any{}); return err },
		"deleting a connection":  func() error { return acting.DeleteConnection(t.Context(), "c") },
		"listing connections":    func() error { _, err := acting.Connections(t.Context()); return err },
		"bringing a member back": func() error { _, err := acting.ReactivateAccount(t.Context(), "m"); return err },
	} {
		if err := call(); !errors.Is(err, stytch.ErrTokenInvalid) {
			t.Errorf("%s without a session: %v", name, err)
		}
	}
	fake.mu.Lock()
	defer fake.mu.Unlock()
	for path, n := range fake.calls {
		if path != keysPath {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
}
