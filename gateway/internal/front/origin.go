package front

import (
	"fmt"
	"net"
	"net/url"
)

// ParseOrigin reads the public address of an edge: scheme, host and port, and nothing else. Credentials travel to it, so
// only a loopback address may do without HTTPS.
func ParseOrigin(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, fmt.Errorf("%q is not an http or https address", address)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", u.User != nil:
		return nil, fmt.Errorf("%q is more than scheme, host and port", address)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%q: credentials travel to it, so only a loopback address may do without https", address)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
