package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	outputTable = "table"
	outputJSON  = "json"

	maxPage = 200 // elements, as the contract says
)

// column is one of a table.
type column[E any] struct {
	title string
	of    func(E) string
}

// list writes elements as they come: as the rows of a table, or as a JSON array of the messages. A limit of 0 is none.
func list[E proto.Message](a *app, elements iter.Seq2[E, error], limit int, columns []column[E]) error {
	if a.output == outputJSON {
		return listJSON(a, elements, limit)
	}
	w := a.table()
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	fmt.Fprintln(w, strings.Join(titles, "\t"))
	count := 0
	for element, err := range elements {
		if err != nil {
			if count > 0 {
				_ = w.Flush() // what came before the error is worth seeing
			}
			return err
		}
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = oneLine(c.of(element))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
		if count++; count == limit {
			break
		}
	}
	return w.Flush()
}

func listJSON[E proto.Message](a *app, elements iter.Seq2[E, error], limit int) error {
	separator, count := "[\n", 0
	for element, err := range elements {
		if err != nil {
			return err
		}
		text, err := indented(element, "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s  %s", separator, text)
		separator = ",\n"
		if count++; count == limit {
			break
		}
	}
	if count == 0 {
		_, err := fmt.Fprintln(a.out, "[]")
		return err
	}
	_, err := fmt.Fprintln(a.out, "\n]")
	return err
}

// pageSize asks for no more than what is shown.
func pageSize(limit int) int32 {
	return int32(max(0, min(limit, maxPage)))
}

// json writes a message, in the same form as the REST API.
func (a *app) json(m proto.Message) error {
	text, err := indented(m, "")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", text)
	return err
}

// jsonLine writes a message on one line, for programs that read a stream.
func (a *app) jsonLine(m proto.Message) error {
	text, err := protojson.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil { // protojson varies its white space on purpose
		return fmt.Errorf("encoding: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", escaped(line.Bytes()))
	return err
}

func indented(m proto.Message, prefix string) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, prefix, "  "); err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return escaped(out.Bytes()), nil
}

// details writes names and values, one a line, and leaves out what has no value.
func (a *app) details(pairs [][2]string) error {
	w := a.table()
	for _, pair := range pairs {
		if pair[1] != "" {
			fmt.Fprintf(w, "%s:\t%s\n", pair[0], oneLine(pair[1]))
		}
	}
	return w.Flush()
}

func (a *app) table() *tabwriter.Writer {
	return tabwriter.NewWriter(a.out, 0, 0, 3, ' ', 0)
}

// oneLine keeps a text from breaking a table; what the terminal would obey is taken out of all that is written.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' || unicode.In(r, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, text)
}
