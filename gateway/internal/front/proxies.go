package front

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// The headers in which proxies name the clients behind them. There is one of them that is looked at: a proxy that writes
// the one hands on what a client wrote into the other.
const (
	forwardedFor = "X-Forwarded-For"
	forwarded    = "Forwarded" // RFC 7239
)

// maxHops bounds how many proxies are followed.
const maxHops = 32

// Proxies are those whose word about a client's address is taken. The zero value takes nobody's.
type Proxies struct {
	networks []netip.Prefix
	header   string
}

// ParseProxies reads the networks in CIDR notation, or single addresses, and the name of the header.
func ParseProxies(networks []string, header string) (Proxies, error) {
	p := Proxies{header: http.CanonicalHeaderKey(cmp.Or(header, forwardedFor))}
	if p.header != forwardedFor && p.header != forwarded {
		return Proxies{}, fmt.Errorf("OKR_PROXY_HEADER: %q is neither %s nor %s", header, forwardedFor, forwarded)
	}
	for _, network := range networks {
		if addr, err := netip.ParseAddr(network); err == nil {
			p.networks = append(p.networks, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return Proxies{}, fmt.Errorf("OKR_TRUSTED_PROXIES: %q is no network such as 10.0.0.0/8", network)
		}
		p.networks = append(p.networks, prefix.Masked())
	}
	return p, nil
}

func (p Proxies) trusts(addr netip.Addr) bool {
	for _, network := range p.networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// client is where a request comes from: the last in the row of proxies that is not trusted. Everything before it in the
// header is the client's own word. Where a proxy says nothing that can be understood, the address is its own.
func (p Proxies) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil { // not a TCP connection
		return netip.Addr{}
	}
	at := peer.Addr().Unmap().WithZone("")
	rest := strings.Join(r.Header.Values(p.header), ",")
	for range maxHops {
		if rest == "" || !p.trusts(at) {
			break
		}
		var last string
		if i := lastComma(rest); i < 0 {
			rest, last = "", rest
		} else {
			rest, last = rest[:i], rest[i+1:]
		}
		if p.header == forwarded {
			last = forParameter(last)
		}
		named, ok := parseNode(last)
		if !ok {
			break
		}
		at = named
	}
	return at
}

// lastComma is where the last element of a list begins. Commas in quotes are none, and quotes are in Forwarded alone.
func lastComma(list string) int {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch list[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

// forParameter is the node that an element of Forwarded names (RFC 7239 section 5.2).
func forParameter(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(name), "for") {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// parseNode reads an address with or without a port, in each of the forms that proxies write.
func parseNode(node string) (netip.Addr, bool) {
	node = strings.TrimSpace(node)
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(node, "["), "]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(node)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}

// Name writes a client's address into the header of a request that goes on to another box, in place of what came.
func (p Proxies) Name(ctx context.Context, header http.Header) {
	header.Del(forwardedFor)
	header.Del(forwarded)
	switch addr := Client(ctx); {
	case !addr.IsValid():
	case p.header == forwarded && addr.Is6():
		header.Set(forwarded, `for="[`+addr.String()+`]"`)
	case p.header == forwarded:
		header.Set(forwarded, "for="+addr.String())
	default:
		header.Set(forwardedFor, addr.String())
	}
}

// Client is the address that a request came from, as far as trusted proxies tell. It is not valid outside the server.
func Client(ctx context.Context) netip.Addr { return recordOf(ctx).client }
