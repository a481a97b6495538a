package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

const (
	// askTimeout bounds the questions to Stytch about one credential.
	askTimeout = 6 * time.Second
	// askAgainTimeout bounds them where there is a verdict to fall back on: nobody should wait long for a confirmation.
	askAgainTimeout = 2 * time.Second
	// askAgainPause is how long after a question that failed it is not repeated, where there is a verdict.
	askAgainPause = 5 * time.Second
)

// verdict is what Stytch said about a credential. It does not change.
type verdict struct {
	member       stytch.Member
	organization stytch.Organization
	roles        []string
	// sessionID, credentials and jwtExpire are those of a session.
	sessionID   string
	credentials stytch.Credential
	jwtExpire   time.Time
	// clientID, clientName and scopes are those of an agent.
	clientID, clientName string
	scopes               []string
	// expire is when the credential expires, in whole seconds.
	expire time.Time
	// asked is when Stytch was asked, and again when it may be asked next.
	asked, again time.Time
	// epoch is the one of asking.
	epoch uint64
}

// subjects are the ids that a verdict is about; of an agent's, one stands for the member's consent to it.
func (v *verdict) subjects() []string {
	return []string{v.sessionID, v.member.ID, v.organization.ID, consentID(v.member.ID, v.clientID)}
}

// consentID names a member's consent to an application. No id of Stytch's has a NUL.
func consentID(memberID, clientID string) string { return memberID + "\x00" + clientID }

// verdictsConfig says how long verdicts last.
type verdictsConfig struct {
	client *stytch.Client
	// interval is the longest time between questions about a credential that is in use.
	interval time.Duration
	// staleLimit is how long a verdict serves while Stytch does not answer.
	staleLimit time.Duration
	// resources are our addresses: an access token that names the resources it is for has to name one of these.
	resources []string
	now       func() time.Time
	logger    *slog.Logger
}

// verdicts establishes who a credential belongs to: first by the token itself, then by what Stytch says, which is asked
// for at most once an interval and credential, and once for all who wait. It is safe for concurrent use.
type verdicts struct {
	verdictsConfig
	local    *local
	known    *lru.Cache[digest, *verdict]
	refusals refusals
	flight   singleflight.Group
	epochs   *epochs
	counter  *prometheus.CounterVec
}

func newVerdicts(cfg verdictsConfig) *verdicts {
	return &verdicts{
		verdictsConfig: cfg,
		local:          newLocal(cfg.client, cfg.now),
		known:          newCache[digest, *verdict](),
		refusals:       newRefusals(cfg.now),
		epochs:         newEpochs(),
		counter:        newVerdictCounter(),
	}
}

// proof is what a credential proves by itself. All of it can be missing for a session token, which proves nothing.
type proof struct {
	session *stytch.SessionJWT
	token   *stytch.AccessToken
}

// prove verifies the tokens of a credential without asking Stytch. Beside a session token, a JWT may have expired or be
// signed with a key that is not known; it must not be forged.
func (v *verdicts) prove(ctx context.Context, c credential) (proof, error) {
	if !c.isSession() {
		token, err := v.local.accessToken(ctx, c.accessToken)
		if err == nil {
			err = v.checkAudience(token)
		}
		return proof{token: token}, err
	}
	if c.session.JWT == "" {
		return proof{}, nil
	}
	session, err := v.local.session(ctx, c.session.JWT)
	if c.session.Token != "" && (errors.Is(err, stytch.ErrTokenExpired) || errors.Is(err, stytch.ErrKeyUnknown)) {
		return proof{}, nil
	}
	return proof{session: session}, err
}

// checkAudience refuses a token for other resources (RFC 8707). That the project is in the audience was checked before;
// Stytch need not name resources at all, and where it does not, scopes are what narrows a token.
func (v *verdicts) checkAudience(token *stytch.AccessToken) error {
	named := false
	for _, audience := range token.Audience {
		if !strings.Contains(audience, "://") { // names no address, not even one that cannot be parsed
			continue
		}
		if slices.Contains(v.resources, strings.TrimSuffix(audience, "/")) {
			return nil
		}
		named = true
	}
	if named {
		return fmt.Errorf("%w: it is for other resources: %q", stytch.ErrTokenInvalid, token.Audience)
	}
	return nil
}

// on establishes who a credential belongs to.
func (v *verdicts) on(ctx context.Context, c credential) (*verdict, proof, error) {
	p, err := v.prove(ctx, c)
	if err != nil {
		v.count(verdictForged)
		return nil, p, credentialError(err)
	}
	found, err := v.look(ctx, c, p)
	if err != nil {
		return nil, p, credentialError(err)
	}
	// Halves of two sessions are no credential for either.
	if p.session != nil && p.session.SessionID != found.sessionID {
		return nil, p, tokenInvalid(errors.New("the session token and the session JWT are of different sessions"))
	}
	return found, p, nil
}

// look finds the verdict, or asks for it.
func (v *verdicts) look(ctx context.Context, c credential, p proof) (*verdict, error) {
	key := c.key()
	if found := v.current(key); found != nil {
		v.count(verdictKnown)
		return found, nil
	}
	if err := v.refusals.get(key); err != nil {
		v.count(verdictRefused)
		return nil, err
	}
	done := v.flight.DoChan(string(key[:]), func() (any, error) {
		if found := v.current(key); found != nil {
			return found, nil
		}
		return v.renew(context.WithoutCancel(ctx), key, c, p)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-done:
		found, _ := result.Val.(*verdict)
		return found, result.Err
	}
}

// current is the verdict that may be served without asking.
func (v *verdicts) current(key digest) *verdict {
	found, ok := v.known.Get(key)
	if !ok || !v.holds(found) || !v.now().Before(found.again) {
		return nil
	}
	return found
}

// holds says whether a verdict may be served at all: the credential has not expired, nothing that it is about was changed
// here, and what Stytch said is not too long ago.
func (v *verdicts) holds(found *verdict) bool {
	now := v.now()
	return now.Before(found.expire) && now.Sub(found.asked) <= v.staleLimit && !v.isForgotten(found)
}

// isForgotten says whether something that the verdict is about was changed here after it was asked for.
func (v *verdicts) isForgotten(found *verdict) bool {
	return v.epochs.ended(found.epoch, found.subjects()...)
}

// renew asks Stytch. Where it does not answer, the last verdict serves on.
func (v *verdicts) renew(ctx context.Context, key digest, c credential, p proof) (*verdict, error) {
	last, _ := v.known.Get(key)
	timeout := askTimeout
	if last != nil && v.holds(last) {
		timeout = askAgainTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	fresh, err := v.ask(ctx, c, p)
	if err == nil && v.isForgotten(fresh) { // while the question was on its way
		fresh, err = v.ask(ctx, c, p)
	}
	switch {
	case err == nil && !v.now().Before(fresh.expire):
		v.count(verdictRefused)
		return nil, stytch.ErrTokenExpired

	case err == nil:
		v.count(verdictAsked)
		v.known.Add(key, fresh)
		return fresh, nil

	case errors.Is(err, stytch.ErrTokenInvalid):
		v.count(verdictRefused)
		v.known.Remove(key)
		v.refusals.add(key, err)
		return nil, err

	case last != nil && v.holds(last):
		v.count(verdictStale)
		v.logger.WarnContext(ctx, "Stytch does not answer; the last verdict serves on",
			slog.String("error", err.Error()), slog.Time("asked", last.asked))
		next := *last
		next.again = v.now().Add(askAgainPause)
		v.known.Add(key, &next)
		return &next, nil
	}
	v.count(verdictUnavailable)
	v.logger.WarnContext(ctx, "Stytch does not answer", slog.String("error", err.Error()))
	return nil, err
}

// ask asks Stytch about a credential. ErrTokenInvalid when Stytch says that it is over.
func (v *verdicts) ask(ctx context.Context, c credential, p proof) (*verdict, error) {
	asked, epoch := v.now(), v.epochs.current()
	var found *verdict
	var err error
	if c.isSession() {
		found, err = v.askSession(ctx, c.session, p.session)
	} else {
		found, err = v.askAgent(ctx, p.token)
	}
	if err != nil {
		return nil, err
	}
	found.asked, found.again, found.epoch = asked, asked.Add(v.interval), epoch
	return found, nil
}

func (v *verdicts) askSession(ctx context.Context, c stytch.Credential, proven *stytch.SessionJWT) (*verdict, error) {
	session, err := v.client.AuthenticateSession(ctx, c, false)
	if err != nil {
		return nil, err
	}
	found := v.ofSession(ctx, session)
	if c.Token == "" {
		// A JWT alone is good for as long as it says itself.
		if proven.SessionID != session.ID {
			return nil, fmt.Errorf("%w: it answered for another session", stytch.ErrUnavailable)
		}
		if proven.Expire.Before(found.expire) {
			found.expire = proven.Expire
		}
	}
	if session.Member.Status != stytch.StatusActive {
		return nil, fmt.Errorf("%w: the member is %s", stytch.ErrTokenInvalid, session.Member.Status)
	}
	return found, nil
}

// ofSession is the verdict on a session that Stytch has just described.
func (v *verdicts) ofSession(ctx context.Context, session *stytch.Session) *verdict {
	found := &verdict{
		member:       session.Member,
		organization: session.Organization,
		roles:        session.Roles,
		sessionID:    session.ID,
		credentials:  stytch.Credential{Token: session.Token, JWT: session.JWT},
		expire:       session.Expire.Truncate(time.Second),
	}
	if jwt, err := v.local.session(ctx, session.JWT); err == nil && jwt.SessionID == session.ID {
		found.jwtExpire = jwt.Expire
	}
	return found
}

func (v *verdicts) askAgent(ctx context.Context, token *stytch.AccessToken) (*verdict, error) {
	var (
		member       *stytch.Member
		organization *stytch.Organization
		apps         []stytch.ConnectedApp
	)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		member, organization, err = v.client.Member(ctx, token.OrganizationID, token.MemberID)
		return err
	})
	group.Go(func() (err error) {
		apps, err = v.client.ConnectedApps(ctx, token.OrganizationID, token.MemberID)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if member.Status != stytch.StatusActive {
		return nil, fmt.Errorf("%w: the member is %s", stytch.ErrTokenInvalid, member.Status)
	}
	i := slices.IndexFunc(apps, func(a stytch.ConnectedApp) bool { return a.ClientID == token.ClientID })
	if i < 0 {
		return nil, fmt.Errorf("%w: the member has revoked the client", stytch.ErrTokenInvalid)
	}
	scopes := slices.DeleteFunc(slices.Clone(token.Scopes), func(s string) bool { return !slices.Contains(apps[i].Scopes, s) })
	return &verdict{
		member:       *member,
		organization: *organization,
		roles:        member.Roles,
		clientID:     token.ClientID,
		clientName:   apps[i].Name,
		scopes:       scopes,
		expire:       token.Expire,
	}, nil
}

// forget drops every verdict on a session, a member, an organization or a consent, those that are being asked for too. The next use
// asks Stytch.
func (v *verdicts) forget(id string) { v.epochs.end(id) }
