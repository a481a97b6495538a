package mtls

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Address is a setting that says where a box listens for the others, or where one of them is.
type Address struct{ Name, Value string }

// CheckPlain says which addresses a box must not use without encryption. Within this machine it needs none. On a private
// network the operator may permit to do without; an address of the internet always needs it. dir is OKR_TLS_DIR, permitted
// is OKR_PLAIN_NETWORK.
func CheckPlain(dir string, permitted bool, addresses ...Address) error {
	if dir != "" {
		return nil
	}
	var errs []error
	for _, a := range addresses {
		switch reachOf(a.Value) {
		case thisMachine:
		case unknown:
			if !permitted {
				errs = append(errs, fmt.Errorf("%s: %q is beyond this machine: give the boxes certificates (OKR_TLS_DIR), or permit "+
					"unencrypted connections on a private network that nobody else is on (OKR_PLAIN_NETWORK=true)", a.Name, a.Value))
			}
		case internet:
			errs = append(errs, fmt.Errorf("%s: %q is an address of the internet: give the boxes certificates (OKR_TLS_DIR)", a.Name, a.Value))
		}
	}
	return errors.Join(errs...)
}

// CheckClients says whether the names that a service lets in can be meant: without any nobody could call it.
func CheckClients(dir, name string, clients []string) error {
	if dir == "" {
		return nil
	}
	if len(clients) == 0 {
		return fmt.Errorf("%s must name the clients that are let in, or %q for all that have a certificate of the authority", name, Anyone)
	}
	for _, client := range clients {
		if strings.TrimSpace(client) != client || client == "" {
			return fmt.Errorf("%s: %q is not a name as certificates have it", name, client)
		}
	}
	return nil
}

type reach int

const (
	thisMachine reach = iota
	unknown           // a name, every interface, or an address of a private network
	internet
)

func reachOf(target string) reach {
	if strings.HasPrefix(target, "unix:") {
		return thisMachine
	}
	if _, endpoint, ok := strings.Cut(target, ":///"); ok { // the resolver of a gRPC target
		target = endpoint
	}
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		host = target
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "localhost", err == nil && addr.IsLoopback():
		return thisMachine
	case err == nil && addr.Unmap().IsGlobalUnicast() && !addr.Unmap().IsPrivate() && !carrierGrade(addr.Unmap()):
		return internet
	}
	return unknown
}

// carrierGrade is the shared address space of RFC 6598, from which some providers give their clusters' pods addresses.
func carrierGrade(addr netip.Addr) bool {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(addr)
}
