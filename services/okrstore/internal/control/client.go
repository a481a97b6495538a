package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
)

// ErrNobody says that no okr-store listens on the socket.
var ErrNobody = errors.New("no okr-store listens there")

// Client asks the okr-store that listens on a Unix socket.
type Client struct {
	http     http.Client
	progress backup.Progress
}

// NewClient makes a client for a socket. It connects with the first request.
func NewClient(path string, progress backup.Progress) *Client {
	dialer := net.Dialer{}
	return &Client{progress: progress, http: http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, "unix", path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
				err = fmt.Errorf("%w: %w", ErrNobody, err)
			}
			return conn, err
		},
	}}}
}

// Ping reports whether an okr-store listens: [ErrNobody] when not.
func (c *Client) Ping(ctx context.Context) error {
	answer, err := c.do(ctx, http.MethodGet, "/")
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// Backup has a backup made and copies it to w. It returns a line about what it holds. Less than all of it is an error.
func (c *Client) Backup(ctx context.Context, w io.Writer) (summary string, err error) {
	answer, err := c.do(ctx, http.MethodPost, "/backup")
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end, or nobody wants the rest
	count := &counting{w: w, total: answer.ContentLength, progress: c.progress}
	if _, err := io.Copy(count, answer.Body); err != nil {
		return "", fmt.Errorf("fetching the backup: %w", err)
	}
	return answer.Header.Get("Okr-Summary"), nil
}

// Keep has a backup made where the scheduled ones are.
func (c *Client) Keep(ctx context.Context) (made Made, err error) {
	return made, c.ask(ctx, http.MethodPost, "/backup?keep=1", &made)
}

// Organization asks what there is of an organization.
func (c *Client) Organization(ctx context.Context, id string) (found Organization, err error) {
	return found, c.ask(ctx, http.MethodGet, "/organizations/"+url.PathEscape(id), &found)
}

// DeleteOrganization has all of an organization deleted.
func (c *Client) DeleteOrganization(ctx context.Context, id string) (deleted Deleted, err error) {
	return deleted, c.ask(ctx, http.MethodDelete, "/organizations/"+url.PathEscape(id)+"?confirm="+url.QueryEscape(id), &deleted)
}

func (c *Client) ask(ctx context.Context, method, path string, into any) error {
	answer, err := c.do(ctx, method, path)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // all that matters was read
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("reading the answer of okr-store: %w", err)
	}
	return nil
}

// do sends a request and returns a good answer.
func (c *Client) do(ctx context.Context, method, path string) (*http.Response, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
			c.tell(header.Get(progressHeader))
			return nil
		},
	})
	req, err := http.NewRequestWithContext(ctx, method, "http://okr-store"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) { // its address means nothing to anybody
			err = wrapped.Err
		}
		return nil, fmt.Errorf("asking okr-store: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }() // all that matters was read
	var failed failure
	if err := json.NewDecoder(answer.Body).Decode(&failed); err != nil || failed.Error == "" {
		return nil, fmt.Errorf("okr-store answers %s", answer.Status)
	}
	return nil, fmt.Errorf("okr-store says: %s", failed.Error)
}

// tell passes on what a header says of the progress.
func (c *Client) tell(header string) {
	words := strings.Split(header, " ")
	if len(words) < 3 || c.progress == nil {
		return
	}
	done, err := strconv.ParseInt(words[len(words)-2], 10, 64)
	total, err2 := strconv.ParseInt(words[len(words)-1], 10, 64)
	if errors.Join(err, err2) == nil {
		c.progress(strings.Join(words[:len(words)-2], " "), done, total)
	}
}

// counting tells how much was written.
type counting struct {
	w           io.Writer
	done, total int64
	progress    backup.Progress
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	if c.progress != nil {
		c.progress("fetching", c.done, c.total)
	}
	return n, err
}
