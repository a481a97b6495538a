package main

// What mcp-golang lacks, or does wrong, and the MCP edge repairs: each repair is taken out, one at a time. The numbers are
// those of the tests.
func gapMutants() []mutant {
	const (
		engine = "gateway/mcp/internal/engine"
		front  = "gateway/mcp/internal/httpfront"
		wire   = "gateway/mcp/internal/wire"
	)
	return []mutant{
		{
			name: "MCP gap 1: the revision is the library's", file: engine + "/introduce.go",
			old: `introduction.Version = string(r.Version)`, new: ``,
			pkg: engine, test: "TestGap01TheRevisionIsTheOneThatWasAgreedOn",
		},
		{
			name: "MCP gap 2: what the server can do is what the library says", file: engine + "/introduce.go",
			old: `introduction.Capabilities = e.capabilities(r)`, new: ``,
			pkg: engine, test: "TestGap02WhatTheServerCanDoIsAnnouncedAsItIs",
		},
		{
			name: "MCP gap 3: an id has to be a number", file: wire + "/message.go",
			old: `return id[0] == '"' || id[0] == '-'`, new: `return id[0] == '-'`,
			pkg: front, test: "TestGap03IDsOfEveryKindComeBackAsTheyCame",
		},
		{
			name: "MCP gap 4: the library is asked for what it does not have", file: engine + "/do.go",
			old: `if registered == "" || !e.library.CheckResourceRegistered(registered) {`, new: `if false {`,
			pkg: engine, test: "TestGap04WhatIsUnknownIsAnErrorAndNotNull",
		},
		{
			name: "MCP gap 5: the library answers methods that it does not know", file: engine + "/do.go",
			old: `return nil, &Error{Code: CodeMethodNotFound, Message: "no method " + quote(r.Method)}`,
			new: `return e.bridge.Call(ctx, r.Method, nil)`,
			pkg: engine, test: "TestGap05EveryErrorHasTheCodeOfItsKind",
		},
		{
			name: "MCP gap 6: there are the library's methods and no others", file: engine + "/do.go",
			old: `all["completion/complete"] = e.complete`, new: ``,
			pkg: engine, test: "TestGap06MethodsThatTheLibraryDoesNotHaveAreAnswered",
		},
		{
			name: "MCP gap 7: a template is read by its own text alone", file: engine + "/do.go",
			old: `if vars, ok := t.pattern.values(uri); ok {`, new: `if vars, ok := map[string]string(nil), t.URITemplate == uri; ok {`,
			pkg: engine, test: "TestGap07TemplatesAreReadByTheURIsThatMatchThem",
		},
		{
			name: "MCP gap 8: an error becomes contents", file: engine + "/registry.go",
			old: `return orDefect(contents, err, contents == nil)`,
			new: `if err != nil {
				return []Contents{{Text: err.Error()}}, nil
			}
			return orDefect(contents, err, contents == nil)`,
			pkg: engine, test: "TestGap08ErrorsAreErrorsAndNotContents",
		},
		{
			name: "MCP gap 9: a tool answers a text alone", file: engine + "/do.go",
			old: `b.field("structuredContent", structured)`, new: ``,
			pkg: engine, test: "TestGap09ToolsAreListedAndAnswerInFull",
		},
		{
			name: "MCP gap 10: an embedded resource stands where no client looks", file: engine + "/content.go",
			old: "*Contents    `json:\"resource\"`", new: "*Contents    `json:\"contents\"`",
			pkg: engine, test: "TestGap10ContentHasItsForm",
		},
		{
			name: "MCP gap 11: arguments have to be given", file: engine + "/do.go",
			old: `if args == nil || string(args) == "null" {`, new: `if false {`,
			pkg: engine, test: "TestGap11ArgumentsMayBeLeftOut",
		},
		{
			name: "MCP gap 12: arguments are not held against the schema", file: engine + "/do.go",
			old: `if problems != nil {`, new: `if false {`,
			pkg: engine, test: "TestGap12ArgumentsAreCheckedBeforeAnythingRuns",
		},
		{
			name: "MCP gap 13: a prompt does not get its arguments", file: engine + "/do.go",
			old: `values[argument.Name] = text`, new: `values[argument.Name] = text[:0]`,
			pkg: engine, test: "TestGap13PromptsHaveContextsAndTheirOwnArguments",
		},
		{
			name: "MCP gap 14: the library lists prompts", file: engine + "/list.go",
			old: `	type argument struct {`,
			new: `	if _, err := e.bridge.Call(ctx, r.Method, json.RawMessage("{}")); err != nil {
		return nil, err
	}
	type argument struct {`,
			pkg: engine, test: "TestGap14PromptsAreListedConcurrently", race: true,
		},
		{
			name: "MCP gap 15: a panic is nobody's business", file: engine + "/do.go",
			old: `if p := recover(); p != nil {`, new: `if p := any(nil); p != nil {`,
			pkg: engine, test: "TestGap15APanicOrNothingIsAnAnswerAndNotTheEnd",
		},
		{
			name: "MCP gap 16: the library reflects on a map", file: engine + "/registry.go",
			old: `type noArguments struct{}`, new: `type noArguments = map[string]any`,
			pkg: engine, test: "TestGap16ArgumentsOfAnyShapeArriveUntouched",
		},
		{
			name: "MCP gap 17: a request is not taken back", file: front + "/legacy.go",
			old: `f.flights.cancel(keyOf(v, id))`, new: ``,
			pkg: front, test: "TestGap17NotificationsAreTakenAndTakeRequestsBack",
		},
		{
			name: "MCP gap 18: a full page is never the last", file: engine + "/list.go",
			old: "\treturn shown, \"\", nil\n}\n\nfunc indexOf",
			new: `	if len(shown) == e.cfg.PageSize {
		return shown, sealCursor(name(shown[len(shown)-1])), nil
	}
	return shown, "", nil
}

func indexOf`,
			pkg: engine, test: "TestGap18EveryPageEndsAndTheLastOneSaysSo",
		},
		{
			name: "MCP gap 19: there is one catalogue for everybody", file: engine + "/list.go",
			old: `func(t *publishedTool) bool { return visible(ctx, t.Visible) }`, new: `func(*publishedTool) bool { return true }`,
			pkg: front, test: "TestGap19WhatIsListedAndToldIsTheCallersOwn",
		},
		{
			name: "MCP gap 20: a notification is answered like a request", file: wire + "/message.go",
			old: `m.Kind = Notification`, new: `m.Kind = Request`,
			pkg: front, test: "TestGap20NoMessageEndsTheServerOrHoldsItsSender",
		},
	}
}
