package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// decode reads one JSON value. Numbers keep their digits: a policy may hold some that this program does not know and that
// do not fit a float.
func decode(text []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON value")
	}
	return nil
}

// differences names the top-level fields in which two documents differ. The order of lists does not count, nor do fields
// that are empty in one document and absent in the other.
func differences(a, b Document) ([]string, error) {
	fields := maps.Clone(a)
	if fields == nil {
		fields = Document{}
	}
	maps.Copy(fields, b)
	var different []string
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		left, err := canonical(a[field])
		if err != nil {
			return nil, err
		}
		right, err := canonical(b[field])
		if err != nil {
			return nil, err
		}
		if left != right {
			different = append(different, plain(field))
		}
	}
	return different, nil
}

// canonical writes a JSON value so that equal ones are equal texts; "" for an empty one.
func canonical(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case []string:
		items := make([]any, len(value))
		for i, s := range value {
			items[i] = s
		}
		return canonical(items)
	case []any:
		return canonicalItems("[", value, func(item any) (any, string) { return item, "" })
	case map[string]any:
		return canonicalItems("{", slices.Collect(maps.Keys(value)), func(key string) (any, string) {
			return value[key], strconv.Quote(key) + ":"
		})
	case string:
		if value == "" {
			return "", nil
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("comparing policies: %w", err)
	}
	return string(text), nil
}

func canonicalItems[T any](open string, items []T, split func(T) (value any, label string)) (string, error) {
	var parts []string
	for _, item := range items {
		value, label := split(item)
		part, err := canonical(value)
		if err != nil {
			return "", err
		}
		if part != "" {
			parts = append(parts, label+part)
		}
	}
	if len(parts) == 0 {
		return "", nil
	}
	slices.Sort(parts)
	return open + strings.Join(parts, ","), nil
}

// plain makes a text of the server's safe for a terminal: control characters, which could forge lines of what a person is
// asked to confirm, are written as escapes.
func plain(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}
