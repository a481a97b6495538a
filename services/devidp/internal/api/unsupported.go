package api

import "net/http"

// unsupported are the routes that the SDK knows and this provider does not emulate. Where two of the SDK's routes
// cannot be told apart by a pattern, one pattern covers both.
func unsupported() []string {
	return []string{
		"POST /v1/b2b/impersonation/authenticate",
		"POST /v1/b2b/magic_links/discovery/authenticate",
		"POST /v1/b2b/magic_links/email/discovery/send",
		"POST /v1/b2b/magic_links/email/login_or_signup",
		"POST /v1/b2b/oauth/authenticate",
		"POST /v1/b2b/organizations",
		"POST /v1/b2b/organizations/search",
		"DELETE /v1/b2b/organizations/{organization_id}",
		"GET /v1/b2b/organizations/{organization_id}/metrics",
		"DELETE /v1/b2b/organizations/{organization_id}/members/{kind}/{id}", // Phone number, password.
		"GET /v1/b2b/organizations/{organization_id}/members/{member_id}/oidc_providers",
		"GET /v1/b2b/organizations/{organization_id}/members/{member_id}/oauth_providers/{provider}",
		"POST /v1/b2b/organizations/{organization_id}/members/{member_id}/unlink_retired_email",
		"POST /v1/b2b/organizations/{organization_id}/members/{member_id}/start_email_update",
		"POST /v1/b2b/otps/email/login_or_signup",
		"POST /v1/b2b/otps/email/authenticate",
		"POST /v1/b2b/otps/sms/send",
		"POST /v1/b2b/otps/sms/authenticate",
		"/v1/b2b/passwords/",
		"/v1/b2b/scim/",
		"POST /v1/b2b/totp/migrate",
		"POST /v1/b2b/sessions/exchange_access_token",
		"POST /v1/b2b/sessions/attest",
		"POST /v1/b2b/sessions/migrate",
		"/v1/b2b/sso/",
		"/v1/connected_apps/",
		"GET /v1/projects/metrics",
		"/v1/debug/",
		"/v1/m2m/",
	}
}

// routeUnsupported answers such a route as what it is, so that nobody looks for a mistake of their own.
func (s *Server) routeUnsupported(mux *http.ServeMux) {
	for _, pattern := range unsupported() {
		mux.Handle(pattern, s.secret(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.fail(w, r, notEmulated(r.Method+" "+r.URL.Path))
		})))
	}
}
