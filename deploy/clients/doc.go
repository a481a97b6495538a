// Package clients tests the running system with the programs of others: the official clients of the Model Context Protocol
// in Go and, in the folder typescript, versions 1 and 2 of the one in TypeScript; the protocol's Inspector; and its
// conformance suites for servers and for authorization servers. It is a module of its own, outside the
// workspace, so that what these programs depend on never moves the versions of the product. Its folder bench measures the
// MCP edge beside the official SDK's server.
//
// Run it by `make clients`, and the folder bench by `make bench`.
package clients
