package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxFaultDelay bounds what a test can make a request wait.
const maxFaultDelay = time.Minute

// fault makes requests go wrong on purpose, for tests of a provider that is down, slow or lying.
type fault struct {
	PathPrefix string  `json:"path_prefix"`
	Status     int     `json:"status"` // Zero: the request is only delayed.
	ErrorType  string  `json:"error_type"`
	DelayMS    int     `json:"delay_ms"`
	Count      int     `json:"count"` // Requests to hit; zero: all until the faults are cleared.
	Body       *string `json:"body"`  // Sent as it is, in place of an error object.
}

// faults are the ones in force. They live in memory: a restart ends them.
type faults struct {
	mu   sync.Mutex
	list []fault
	// cleared is closed when the faults are cleared; nil while no request was hit since.
	cleared chan struct{}
}

// clear ends the faults. Requests that one of them makes wait go on at once.
func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
	if f.cleared != nil {
		close(f.cleared)
		f.cleared = nil
	}
}

func (f *faults) add(one fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, one)
}

// take returns the first fault for the path, and what is closed when the faults are cleared. It counts the fault.
func (f *faults) take(path string) (one fault, cleared <-chan struct{}, hit bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, one := range f.list {
		if !strings.HasPrefix(path, one.PathPrefix) {
			continue
		}
		switch one.Count {
		case 0:
		case 1:
			f.list = append(f.list[:i:i], f.list[i+1:]...)
		default:
			f.list[i].Count--
		}
		if f.cleared == nil {
			f.cleared = make(chan struct{})
		}
		return one, f.cleared, true
	}
	return fault{}, nil, false
}

// inject lets the faults in force hit requests before anything else sees them. The endpoints that control the provider
// are never hit.
func (f *faults) inject(s *Server, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_dev/") {
			next.ServeHTTP(w, r)
			return
		}
		one, cleared, hit := f.take(r.URL.Path)
		if !hit {
			next.ServeHTTP(w, r)
			return
		}
		if !wait(r.Context(), cleared, time.Duration(one.DelayMS)*time.Millisecond) {
			return
		}
		switch {
		case one.Body != nil:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(max(one.Status, http.StatusOK))
			_, _ = w.Write([]byte(*one.Body))
		case one.Status != 0:
			s.fail(w, r, refuse(one.Status, one.ErrorType, "An injected fault."))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// wait returns after d, or as soon as the faults are cleared; false if the context ends first.
func wait(ctx context.Context, cleared <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-cleared:
		return true
	case <-timer.C:
		return true
	}
}

func (c *call) addFault(req fault) (any, error) {
	switch {
	case !strings.HasPrefix(req.PathPrefix, "/"):
		return nil, badRequest("invalid_argument", "path_prefix must begin with a slash.")
	case req.Status != 0 && (req.Status < 200 || req.Status > 599):
		return nil, badRequest("invalid_argument", "status must be from 200 to 599.")
	case req.DelayMS < 0 || time.Duration(req.DelayMS)*time.Millisecond > maxFaultDelay:
		return nil, badRequest("invalid_argument", "delay_ms must be from 0 to %d.", maxFaultDelay.Milliseconds())
	case req.Count < 0:
		return nil, badRequest("invalid_argument", "count must not be negative.")
	}
	if req.ErrorType == "" {
		req.ErrorType = "internal_server_error"
	}
	c.faults.add(req)
	return nil, nil
}

func (c *call) clearFaults(struct{}) (any, error) {
	c.faults.clear()
	return nil, nil
}
