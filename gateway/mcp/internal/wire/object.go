// Package wire reads and writes JSON-RPC 2.0 messages as MCP uses them.
//
// It reads strictly. Names are compared byte for byte, which encoding/json does not do, a name that occurs twice in an
// object is refused wherever it stands, and nesting is bounded: two readers of one message must not come to different
// conclusions about it. Values are not decoded but kept as they came: an id is echoed byte for byte.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxDepth bounds the nesting of objects and arrays.
const MaxDepth = 64

// Object is a JSON object whose members are kept in order, undecoded. A nil Object has no members.
type Object []Member

// Member is one name of an object and its value.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Get returns the value of a name, nil if there is none. JSON's null is a value.
func (o Object) Get(name string) json.RawMessage {
	for i := range o {
		if o[i].Name == name {
			return o[i].Value
		}
	}
	return nil
}

// Text returns the value of a name if it is a string.
func (o Object) Text(name string) (string, bool) {
	value := o.Get(name)
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return text(value), true
}

// Object returns the members of the object that a name has as its value, and whether it has one.
func (o Object) Object(name string) (Object, bool) {
	value := o.Get(name)
	if len(value) == 0 || value[0] != '{' {
		return nil, false
	}
	s := scanner{data: value}
	members, err := s.object(MaxDepth, true) // it was checked with what it stands in: nothing can be wrong with it
	return members, err == nil
}

var errTooDeep = fmt.Errorf("nested more than %d levels deep", MaxDepth)

// Parse checks a JSON text as a whole and returns its members. It fails if the text is anything but one object.
func Parse(data []byte) (Object, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	if err := valid(data); err != nil {
		return nil, err
	}
	data = bytes.TrimLeft(data, " \t\r\n")
	if data[0] != '{' {
		return nil, errors.New("not an object")
	}
	s := scanner{data: data}
	return s.object(MaxDepth, true)
}

// valid reports the place where a text is no JSON. json.Valid alone does not say.
func valid(data []byte) error {
	if json.Valid(data) {
		return nil
	}
	var ignored json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, &ignored); errors.As(err, &syntax) {
		return fmt.Errorf("not JSON at byte %d: %w", syntax.Offset, err)
	}
	return errors.New("not JSON")
}

// scanner walks a text that is known to be JSON.
type scanner struct {
	data []byte
	pos  int
}

// object walks the object at pos. Members are only collected if they are asked for.
func (s *scanner) object(depth int, collect bool) (Object, error) {
	if depth == 0 {
		return nil, errTooDeep
	}
	s.pos++ // {
	var members Object
	if collect {
		const usual = 4 // a request's, and those of its parameters
		members = make(Object, 0, usual)
	}
	var seen names
	for {
		s.space()
		switch s.data[s.pos] {
		case '}':
			s.pos++
			return members, nil
		case ',':
			s.pos++
			s.space()
		}
		name := text(s.string())
		if !seen.add(name) {
			return nil, fmt.Errorf("the name %q occurs twice in one object", name)
		}
		s.space()
		s.pos++ // :
		s.space()
		start := s.pos
		if err := s.value(depth - 1); err != nil {
			return nil, err
		}
		if collect {
			members = append(members, Member{name, json.RawMessage(s.data[start:s.pos:s.pos])})
		}
	}
}

func (s *scanner) array(depth int) error {
	if depth == 0 {
		return errTooDeep
	}
	s.pos++ // [
	for {
		s.space()
		switch s.data[s.pos] {
		case ']':
			s.pos++
			return nil
		case ',':
			s.pos++
			s.space()
		}
		if err := s.value(depth - 1); err != nil {
			return err
		}
	}
}

// value walks the value at pos.
func (s *scanner) value(depth int) error {
	switch s.data[s.pos] {
	case '{':
		_, err := s.object(depth, false)
		return err
	case '[':
		return s.array(depth)
	case '"':
		s.string()
	default: // a number, true, false or null
		for s.pos < len(s.data) && strings.IndexByte(",]} \t\r\n", s.data[s.pos]) < 0 {
			s.pos++
		}
	}
	return nil
}

// string walks the string at pos and returns it with its quotes.
func (s *scanner) string() json.RawMessage {
	start := s.pos
	for s.pos++; s.data[s.pos] != '"'; s.pos++ {
		if s.data[s.pos] == '\\' {
			s.pos++
		}
	}
	s.pos++
	return json.RawMessage(s.data[start:s.pos])
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// usual are strings that stand in nearly every message.
var usual = func() map[string]string {
	all := map[string]string{}
	for _, s := range []string{
		"jsonrpc", "2.0", "id", "method", "params", "name", "arguments", "_meta", "tools/call",
		"io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientInfo", "io.modelcontextprotocol/clientCapabilities",
	} {
		all[s] = s
	}
	return all
}()

// text decodes a string that is known to be well-formed.
func text(quoted json.RawMessage) string {
	inner := quoted[1 : len(quoted)-1]
	if usual, ok := usual[string(inner)]; ok { // which makes no string of it
		return usual
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var decoded string
	if err := json.Unmarshal(quoted, &decoded); err != nil {
		return "" // cannot be: it was checked
	}
	return decoded
}

// names is a set that stays a list while it is small.
type names struct {
	list  [16]string
	count int
	set   map[string]struct{}
}

// add says whether a name is new.
func (n *names) add(name string) bool {
	if n.set == nil {
		for _, known := range n.list[:n.count] {
			if known == name {
				return false
			}
		}
		if n.count < len(n.list) {
			n.list[n.count] = name
			n.count++
			return true
		}
		n.set = make(map[string]struct{}, 2*len(n.list))
		for _, known := range n.list {
			n.set[known] = struct{}{}
		}
	}
	if _, known := n.set[name]; known {
		return false
	}
	n.set[name] = struct{}{}
	return true
}
