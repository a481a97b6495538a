package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Timeouts of the server. Streams lift the read and write timeouts for themselves.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10

	// stopTimeout bounds how long requests may take to finish once the server stops.
	stopTimeout = 10 * time.Second
)

// Serve serves HTTP until ctx ends. Then it takes no more connections, calls stopping, which must end the streams, and
// lets the requests that are running finish within ten seconds.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger, stopping func()) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug), // what clients do wrong in TCP and HTTP
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		stopping()
		return fmt.Errorf("serving HTTP: %w", err)
	case <-ctx.Done():
	}
	server.RegisterOnShutdown(stopping)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := server.Shutdown(bounded)
	if errors.Is(err, context.DeadlineExceeded) {
		logger.WarnContext(ctx, "requests are still running; ending them")
		err = server.Close()
	}
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
