// Package clients tests the running system with the programs of others: the official client of the Model Context Protocol,
// and the protocol's conformance suite for authorization servers. It is a module of its own, outside the workspace, so that
// what these programs depend on never moves the versions of the product.
//
// Run it by `make clients`.
package clients
