// Okrctl is OKR Manager on the command line, for people of internal teams: it signs them in once, and talks gRPC to
// okr-store with their permissions. `okrctl help` says more.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(interruptible(os.Args[1:])) }

// interruptible runs a command line until it is done or interrupted. A second signal ends the process at once.
func interruptible(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on signals do what they do by themselves
	return run(ctx, args, terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, open: openBrowser})
}
