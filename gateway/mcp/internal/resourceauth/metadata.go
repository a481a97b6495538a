package resourceauth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	// Endpoint is the path of the MCP endpoint.
	Endpoint = "/mcp"

	resourcePath      = "/.well-known/oauth-protected-resource"
	authorizationPath = "/.well-known/oauth-authorization-server"
	openIDPath        = "/.well-known/openid-configuration"

	// metadataLifetime is how long clients may keep metadata.
	metadataLifetime = 5 * time.Minute
)

// resourceMetadata describes a protected resource (RFC 9728 section 2).
type resourceMetadata struct {
	Resource               string   `json:"resource"`
	ResourceName           string   `json:"resource_name"`
	ResourceDocumentation  string   `json:"resource_documentation"`
	AuthorizationServers   []string `json:"authorization_servers"`
	ScopesSupported        []string `json:"scopes_supported"`
	BearerMethodsSupported []string `json:"bearer_methods_supported"`
}

// Metadata serves the documents by which clients find out how to get a token. Web pages of any origin may read them.
type Metadata struct {
	// Origin is the public address: scheme, host and port. What a request says of its host is not looked at.
	Origin string
	// Issuer is the authorization server.
	Issuer string
	// Server gets the authorization server's own documents.
	Server *ServerDocuments
	// Problem writes errors.
	Problem problem.Writer
}

// Register adds the documents to a mux. The resource is the endpoint; the origin as a whole is one as well, for clients
// that look there. The documents of the authorization server stand here for clients of the revision 2025-03-26, which
// take the origin of the endpoint for it.
func (m *Metadata) Register(mux *http.ServeMux) {
	for path, resource := range map[string]string{resourcePath: m.Origin, resourcePath + Endpoint: m.Origin + Endpoint} {
		m.handle(mux, path, func() (any, error) { return m.resource(resource), nil })
	}
	for _, suffix := range []string{"", Endpoint} {
		for _, path := range []string{authorizationPath, openIDPath} {
			mux.HandleFunc(path+suffix, m.document(path+suffix, func(r *http.Request) (any, error) {
				return m.Server.Get(r.Context(), path)
			}))
		}
	}
}

func (m *Metadata) resource(resource string) resourceMetadata {
	return resourceMetadata{
		Resource:               resource,
		ResourceName:           "OKR Manager",
		ResourceDocumentation:  m.Origin + "/docs",
		AuthorizationServers:   []string{m.Issuer},
		ScopesSupported:        Scopes(),
		BearerMethodsSupported: []string{"header"},
	}
}

// handle serves a document that is there in any case.
func (m *Metadata) handle(mux *http.ServeMux, path string, get func() (any, error)) {
	mux.HandleFunc(path, m.document(path, func(*http.Request) (any, error) { return get() }))
}

func (m *Metadata) document(path string, get func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		front.SetRoute(r.Context(), path)
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodOptions:
			header.Set("Access-Control-Allow-Methods", "GET, HEAD")
			header.Set("Access-Control-Allow-Headers", "MCP-Protocol-Version")
			header.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			header.Set("Allow", "GET, HEAD, OPTIONS")
			m.Problem.Write(w, r, rpcerr.New(codes.Unimplemented, accessv1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED,
				"this address takes GET, HEAD, OPTIONS"))
			return
		}
		document, err := get(r)
		if err != nil {
			m.Problem.Write(w, r, err)
			return
		}
		body, err := json.Marshal(document)
		if err != nil {
			m.Problem.Write(w, r, fmt.Errorf("encoding metadata: %w", err))
			return
		}
		header.Set("Content-Type", "application/json")
		header.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(metadataLifetime.Seconds())))
		_, _ = w.Write(append(body, '\n')) // a client that is gone cannot be told
	}
}

// unavailable is the answer while the authorization server cannot be asked.
func unavailable() error {
	return rpcerr.Unavailable("the authorization server's metadata cannot be had right now")
}
