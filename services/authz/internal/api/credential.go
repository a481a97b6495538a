package api

import (
	"crypto/sha256"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	// maxToken bounds a JWT, in bytes.
	maxToken = 16 << 10
	// maxSessionToken bounds an opaque session token, in bytes. Stytch's have fewer than 100.
	maxSessionToken = 1 << 10
)

// credential is what a caller presented: either a session or an access token.
type credential struct {
	session     stytch.Credential
	accessToken string
}

// digest names a credential without containing it.
type digest [sha256.Size]byte

// key is what the verdict on the credential is kept under. A session token is the session, whatever JWT comes along.
func (c credential) key() digest {
	switch {
	case c.accessToken != "":
		return digestOf("access-token", c.accessToken)
	case c.session.Token != "":
		return digestOf("session-token", c.session.Token)
	default:
		return digestOf("session-jwt", c.session.JWT)
	}
}

func digestOf(kind, value string) digest {
	return sha256.Sum256([]byte(kind + "\x00" + value))
}

func (c credential) isSession() bool { return c.accessToken == "" }

// checked refuses a credential that is empty or beyond all bounds.
func (c credential) checked() (credential, error) {
	if c.session.Token == "" && c.session.JWT == "" && c.accessToken == "" {
		return c, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING, "the call needs a credential")
	}
	if len(c.session.Token) > maxSessionToken || len(c.session.JWT) > maxToken || len(c.accessToken) > maxToken {
		return c, tokenInvalid(stytch.ErrTokenInvalid)
	}
	return c, nil
}

// presented is the credential of an Authenticate request.
func presented(req *authzv1.AuthenticateRequest) (credential, error) {
	var c credential
	switch p := req.GetCredential().(type) {
	case *authzv1.AuthenticateRequest_Session:
		c.session = stytch.Credential{Token: p.Session.GetSessionToken(), JWT: p.Session.GetSessionJwt()}
	case *authzv1.AuthenticateRequest_AccessToken:
		c.accessToken = p.AccessToken
	case *authzv1.AuthenticateRequest_Bearer:
		return bearer(p.Bearer)
	}
	return c.checked()
}

// bearer is the credential in a bearer token of either kind. Which kind it claims to be decides how it is verified.
func bearer(token string) (credential, error) {
	c, err := credential{accessToken: token}.checked()
	if err != nil {
		return c, err
	}
	isSession, err := stytch.IsSessionJWT(token)
	switch {
	case err != nil:
		return c, tokenInvalid(err)
	case isSession:
		return credential{session: stytch.Credential{JWT: token}}, nil
	}
	return c, nil
}

// carried is the credential in the metadata of a call to authz itself: a browser's session from the REST edge, or a bearer
// token. TOKEN_MISSING without either, CREDENTIALS_AMBIGUOUS with both.
func carried(md metadata.MD) (credential, error) {
	session, err := carriedSession(md)
	if err != nil {
		return credential{}, err
	}
	header, err := single(md, access.MetadataAuthorization)
	switch {
	case err != nil:
		return credential{}, err
	case header == "":
		return credential{session: session}.checked()
	case session != stytch.Credential{}:
		return credential{}, ambiguous()
	}
	token, err := access.BearerToken(header)
	if err != nil {
		return credential{}, err
	}
	return bearer(token)
}

// carriedSession is the session in the metadata of a call; empty for none.
func carriedSession(md metadata.MD) (stytch.Credential, error) {
	token, err := single(md, access.MetadataSessionToken)
	if err != nil {
		return stytch.Credential{}, err
	}
	jwt, err := single(md, access.MetadataSessionJWT)
	return stytch.Credential{Token: token, JWT: jwt}, err
}

// single is the value of a metadata key that must not come twice.
func single(md metadata.MD, key string) (string, error) {
	switch values := md.Get(key); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", ambiguous()
}

func ambiguous() error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CREDENTIALS_AMBIGUOUS,
		"the call carries more than one credential")
}
