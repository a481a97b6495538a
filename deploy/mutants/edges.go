package main

// What the edges keep apart: origins, browsers, credentials, sessions and people who are asked.
func edgeMutants() []mutant {
	const (
		rest    = "gateway/rest"
		session = "gateway/rest/internal/session"
		forward = "gateway/rest/internal/forward"
		mcp     = "gateway/mcp"
		front   = "gateway/mcp/internal/httpfront"
		guard   = "gateway/mcp/internal/resourceauth"
	)
	return []mutant{
		{
			name: "writes of other origins are taken", file: rest + "/handler.go",
			old: `crossOrigin := d.protection.Check(r)`, new: `var crossOrigin error`,
			pkg: rest, test: "TestWritesFromOtherOriginsAreRefused",
		},
		{
			name: "a sign-in is finished without its PKCE verifier", file: session + "/landing.go",
			old: `came.request(begun.Verifier)`, new: `came.request("")`,
			pkg: rest, test: "TestASignInThatWasStartedHereIsFinishedAtOnce",
		},
		{
			name: "a sign-in that was not started here is finished", file: session + "/landing.go",
			old: `if started && !came.byMail() {`, new: `if (started || true) && !came.byMail() {`,
			pkg: rest, test: "TestLinksThatWereNotStartedHereAskFirst",
		},
		{
			name: "a link is finished though the question was about another", file: session + "/landing.go",
			old: ` || r.PostForm.Get(fieldLink) != kept.digest()`, new: ``,
			pkg: rest, test: "TestConfirmedLinks",
		},
		{
			name: "a sign-in ends at what a browser reads as another host", file: session + "/pkce.go",
			old: `r == 0x7f || r == '\\'`, new: `r == 0x7f`,
			pkg: rest, test: "TestReturnPathsStayHere",
		},
		{
			name: "okr-store sees more of a caller than the transaction token", file: session + "/metadata.go",
			old: `return []string{access.MetadataTxnToken, answer.GetTransactionToken()}, nil`,
			new: `return []string{access.MetadataTxnToken, answer.GetTransactionToken(), access.MetadataSessionToken, c.session.GetSessionToken()}, nil`,
			pkg: rest, test: "TestWhatEachServiceMaySee",
		},
		{
			name: "a bearer that nobody looked at goes on to authz", file: session + "/metadata.go",
			old: `if c.token != "" && c.answer != nil {`, new: `if c.token != "" {`,
			pkg: rest, test: "TestWhatEachServiceMaySee",
		},
		{
			name: "a request carries a cookie and a token", file: session + "/gate.go",
			old: `if c.present() || len(headers) > 1 {`, new: `if len(headers) > 1 {`,
			pkg: rest, test: "TestWhoMayPass",
		},
		{
			name: "the edge lets through whom no rule does", file: session + "/gate.go",
			old: "if err := access.CheckUnread(ctx, rule, answer.GetPrincipal(), g.resolver); err != nil {\n\t\treturn nil, err\n\t}\n", new: "",
			pkg: rest, test: "TestWhoMayPass",
		},
		{
			name: "a body that stops is told as a failure of the MCP edge", file: forward + "/forward.go",
			old: `case unread != nil: // before`, new: `case unread != nil && err == nil: // before`,
			pkg: forward, test: "TestABodyThatDoesNotComeToItsEndIsTheClientsFault",
		},
		{
			name: "half of a character is written as another one", file: mcp + "/internal/engine/schema.go",
			old: `if err := jsontext.CheckSurrogates(arguments); err != nil {`, new: `if err := jsontext.CheckSurrogates(nil); err != nil {`,
			pkg: mcp + "/internal/engine", test: "TestArgumentsThatAreWrongAreExplainedToTheModel",
		},
		{
			name: "an MCP session serves other callers", file: front + "/session.go",
			old: `plain, err := f.seal.Open(text, v.caller)`, new: `plain, err := f.seal.Open(text, "alice")`,
			pkg: front, test: "TestASessionIsItsCallersAndThisServersAlone",
		},
		{
			name: "an MCP session serves other organizations", file: guard + "/guard.go",
			old: `[]string{p.GetOrganizationId(), p.GetMemberId(), p.GetClientId()}`, new: `[]string{p.GetMemberId(), p.GetClientId()}`,
			pkg: mcp, test: "TestASessionIsOfNoUseWithAnotherToken",
		},
		{
			name: "an MCP call outlives its token", file: guard + "/guard.go",
			old: `context.WithDeadlineCause(ctx, p.GetExpireTime().AsTime(), g.expired)`, new: `context.WithDeadlineCause(ctx, p.GetExpireTime().AsTime().Add(time.Hour), g.expired)`,
			pkg: guard, test: "TestTheContextOfACallerEndsWithItsToken",
		},
		{
			name: "the MCP edge passes the caller's token on", file: guard + "/guard.go",
			old: `return []string{access.MetadataTxnToken, answer.GetTransactionToken()}, nil`, new: `return []string{access.MetadataTxnToken, answer.GetTransactionToken(), access.MetadataAuthorization, c.token}, nil`,
			pkg: guard, test: "TestOkrStoreGetsATransactionTokenAndNeverTheCallers",
		},
		{
			name: "a deletion is made without the person's yes", file: mcp + "/internal/tools/confirm.go",
			old: `case answer.Action != "accept":`, new: `case answer.Action == "":`,
			pkg: mcp, test: "TestADeleteIsConfirmedByThePersonBehindTheClient",
		},
		{
			name: "a yes to one state deletes another", file: mcp + "/internal/tools/confirm.go",
			old: `case before.Etag != shown.etag || before.State != shown.state:`, new: `case before.Etag == "":`,
			pkg: mcp, test: "TestWhatWasShownIsWhatIsDeleted",
		},
		{
			name: "the last lines of a log are lost", file: "services/kit/run/run.go",
			old: `_ = telemetry.Flush()`, new: `_ = telemetry.Flush`,
			pkg: "services/kit/run", test: "TestThePrograms",
		},
		{
			name: "a problem is logged with the next lines", file: "services/kit/telemetry/telemetry.go",
			old: `if r.Level >= slog.LevelWarn {`, new: `if r.Level > slog.LevelError {`,
			pkg: "services/kit/telemetry", test: "TestAFileGetsEveryLineWholeAndProblemsAtOnce",
		},
		{
			name: "who is not known is logged as who called before", file: "services/kit/grpcserver/accesslog.go",
			old: `c.loggers.Add(identity, logger)`, new: `c.cfg.Logger = logger`,
			pkg: "services/kit/grpcserver", test: "TestEachLineOfTheAccessLogSaysWhoseCallItWas",
		},
		{
			name: "every call is counted as one that went well", file: "services/kit/grpcserver/callmetrics.go",
			old: `m.end(status.Code(err)).Inc()`, new: `m.end(status.Code(nil)).Inc()`,
			pkg: "services/kit/grpcserver", test: "TestCallsAreCountedByHowTheyEnd",
		},
	}
}
