package mtls

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Anyone, in the place of a name, stands for every holder of a certificate of the authority.
const Anyone = "*"

// ServerCredentials are for a gRPC server that lets those clients in who have one of the names, and the box itself, which
// asks after its own health.
func (i *Identity) ServerCredentials(clients []string) credentials.TransportCredentials {
	if i == nil {
		return insecure.NewCredentials()
	}
	return &transport{i, func() *tls.Config { return i.serverConfig(clients) }, i.clientConfig}
}

// ClientCredentials are for connections to another box, whose certificate must name the host that is called.
func (i *Identity) ClientCredentials() credentials.TransportCredentials {
	if i == nil {
		return insecure.NewCredentials()
	}
	return &transport{i, nil, i.clientConfig}
}

// SelfCredentials are for connections of a box to itself, whatever the address.
func (i *Identity) SelfCredentials() credentials.TransportCredentials {
	if i == nil {
		return insecure.NewCredentials()
	}
	return &transport{i, nil, i.SelfConfig}
}

// Listen has a listener of HTTP let those clients in who have one of the names, and the box itself.
func (i *Identity) Listen(listener net.Listener, clients []string) net.Listener {
	if i == nil {
		return listener
	}
	return tls.NewListener(listener, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return i.serverConfig(clients), nil },
	})
}

// DialTLS opens a connection of HTTP to another box over one of dial's.
func (i *Identity) DialTLS(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		raw, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		config := i.clientConfig()
		config.ServerName = host
		conn := tls.Client(raw, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // nothing was said on it
			return nil, err
		}
		return conn, nil
	}
}

// SelfConfig is for a connection of a box to itself: the certificate has to be its own name's, whatever the address.
func (i *Identity) SelfConfig() *tls.Config {
	config := i.clientConfig()
	config.ServerName = "localhost"
	leaf := i.state().certificate.Leaf
	switch {
	case len(leaf.DNSNames) > 0:
		config.ServerName = leaf.DNSNames[0]
	case len(leaf.IPAddresses) > 0:
		config.ServerName = leaf.IPAddresses[0].String()
	}
	return config
}

func (i *Identity) clientConfig() *tls.Config {
	s := i.state()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		RootCAs:      s.authorities,
		Certificates: []tls.Certificate{s.certificate},
	}
}

func (i *Identity) serverConfig(clients []string) *tls.Config {
	s := i.state()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{s.certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    s.authorities,
		// Whoever comes back is looked at like anybody else, by the names and authorities of today.
		SessionTicketsDisabled: true,
		VerifyConnection: func(connection tls.ConnectionState) error {
			leaf := connection.PeerCertificates[0] // verified by now, so there is one
			names := Names(leaf)
			known := func(name string) bool { return slices.Contains(clients, name) }
			if slices.Contains(clients, Anyone) || slices.ContainsFunc(names, known) || leaf.Equal(s.certificate.Leaf) {
				return nil
			}
			i.cfg.Logger.Warn("a client was refused: none of its names is let in", slog.Any("names", names))
			return refusal(names)
		},
	}
}

// transport are gRPC's credentials of the moment: each connection is made with what the files hold then.
type transport struct {
	identity *Identity
	server   func() *tls.Config
	client   func() *tls.Config
}

// ClientHandshake implements credentials.TransportCredentials.
func (t *transport) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	config := t.client()
	if config.ServerName != "" {
		authority = config.ServerName
	}
	return credentials.NewTLS(config).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake implements credentials.TransportCredentials. gRPC tells nobody of those that fail.
func (t *transport) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := credentials.NewTLS(t.server()).ServerHandshake(conn)
	if err != nil {
		t.identity.cfg.Logger.Warn("a connection was refused",
			slog.String("peer", conn.RemoteAddr().String()), slog.Any("error", err))
	}
	return secured, info, err
}

// Info implements credentials.TransportCredentials.
func (t *transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone implements credentials.TransportCredentials.
func (t *transport) Clone() credentials.TransportCredentials {
	clone := *t
	return &clone
}

// OverrideServerName implements credentials.TransportCredentials, whose only caller it has is a deprecated option of gRPC.
func (t *transport) OverrideServerName(name string) error {
	client := t.client
	t.client = func() *tls.Config {
		config := client()
		config.ServerName = name
		return config
	}
	return nil
}
