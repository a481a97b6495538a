package httpfront

import (
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// matches says whether a host (with or without a port) or an origin is in a list.
func matches(list []string, value string) bool {
	value = strings.ToLower(value)
	return slices.ContainsFunc(list, func(allowed string) bool {
		allowed = strings.ToLower(allowed)
		name, anyPort := strings.CutSuffix(allowed, ":*")
		if !anyPort {
			return value == allowed
		}
		scheme, host, isOrigin := strings.Cut(value, "://")
		if !isOrigin {
			scheme, host = "", value
		} else {
			scheme += "://"
		}
		if bare, port, err := net.SplitHostPort(host); err == nil && port != "" {
			if strings.Contains(bare, ":") {
				bare = "[" + bare + "]"
			}
			host = bare
		}
		return scheme+host == name
	})
}

// cors lets web pages in that may, keeps out the others, and answers preflights. It says whether to go on.
func (f *front) cors(w http.ResponseWriter, r *http.Request) bool {
	header := w.Header()
	header.Add("Vary", "Origin")
	origins := r.Header.Values("Origin")
	preflight := r.Method == http.MethodOptions
	if len(origins) == 0 {
		if preflight {
			header.Set("Allow", f.allow())
			w.WriteHeader(http.StatusNoContent)
		}
		return !preflight
	}
	origin := origins[0]
	if len(origins) > 1 || !validOrigin(origin) || !matches(f.Origins, origin) {
		refuse(w, nil, http.StatusForbidden, engine.CodeInvalidRequest, "pages of this Origin may not call this server")
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After, X-Correlation-Id")
	if preflight {
		header.Set("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
		// The wildcard does not stand for Authorization (Fetch, CORS-preflight), and stands for Mcp-Param-….
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID, *")
		header.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	}
	return !preflight
}

// validOrigin says whether a text is the origin of a page: scheme, host and port, nothing more. "null" is of no page
// that could be named.
func validOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Scheme+"://"+u.Host == origin
}

// accepts says which kinds of answers a client takes: one JSON object, a stream of events.
func accepts(r *http.Request) (object, stream bool) {
	values := r.Header.Values("Accept")
	if len(values) == 0 {
		return true, true // RFC 9110 section 12.5.1: anything
	}
	for element := range strings.SplitSeq(strings.Join(values, ","), ",") {
		kind, params, err := mediaType(element)
		if err != nil || params["q"] == "0" {
			continue
		}
		switch kind {
		case "*/*":
			object, stream = true, true
		case "application/json", "application/*":
			object = true
		case "text/event-stream", "text/*":
			stream = true
		}
	}
	return object, stream
}

// mediaType reads a media type. Those that nearly all clients write are known by sight, for the reader makes a map for each.
func mediaType(text string) (kind string, params map[string]string, err error) {
	switch kind := strings.TrimSpace(text); kind {
	case "application/json", "text/event-stream", "*/*":
		return kind, nil, nil
	}
	return mime.ParseMediaType(text)
}

// isJSON checks the type of a body: UTF-8 alone, and not compressed.
func isJSON(r *http.Request) bool {
	kind, params, err := mediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" || len(r.Header.Values("Content-Type")) > 1 {
		return false
	}
	charset, ok := params["charset"]
	encoding := r.Header.Get("Content-Encoding")
	return (!ok || strings.EqualFold(charset, "utf-8")) && (encoding == "" || encoding == "identity")
}
