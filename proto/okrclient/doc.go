// Package okrclient is how programs of internal teams talk to okr-store, over gRPC and with the permissions of a member.
//
// Dial makes a Client. It has the methods of the contract (okr/v1) as they are, and to each call adds what a good caller
// does:
//
//   - An access token of a TokenSource. One that the server calls expired is replaced, and the call repeated, once. Package
//     signin signs a person in and keeps them signed in; StaticToken and OAuth2 are for programs.
//   - A request_id on every mutation that has none, so that sending it again cannot do it again. Give your own where a
//     repetition may come from another process: for an hour, the same id answers the same.
//   - Retries of what is safe to repeat (reads, and mutations with a request_id) after what passes by itself: UNAVAILABLE
//     with SERVICE_UNAVAILABLE or AUTHZ_UNAVAILABLE, or without a reason where nobody was reached, and RATE_LIMITED with a
//     time to come back. The delay grows from a tenth of a second to two, half of it by chance, and is never shorter than
//     the server's RetryInfo; the call's deadline ends it. So a server that is restarted within a deadline costs time and
//     no call. All calls of a client together are repeated ten times a second at most while nothing succeeds, and more
//     often the more does; a repeat that is not its turn waits for the next one. Everything else is answered as it is,
//     STORAGE_FULL too: it does not pass by itself.
//   - Errors of type *Error, with the contract's reason, broken rules of fields and the time to wait.
//   - A deadline of 30 seconds where the context has none.
//
// Objectives, KeyResults, DueKeyResults, CheckIns and Changes loop over all pages of a list. Watch loops over changes as
// they happen, across lost connections, restarts of the server and the ends of tokens; Snapshot gives it where to begin.
//
// Connections are encrypted, except to this machine itself and where Config.Plaintext allows it, because whoever reads an
// access token can use it.
package okrclient
