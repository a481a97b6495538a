package main

// Who may do what, and for how long: rules, transaction tokens, authz and the local identity provider.
func identityMutants() []mutant {
	const (
		access = "services/kit/access"
		server = "services/kit/grpcserver"
		limits = "services/kit/ratelimit"
		codec  = "services/kit/protocodec"
		authz  = "services/authz"
		stytch = "services/authz/internal/stytch"
		devidp = "services/devidp"
	)
	return []mutant{
		{
			name: "scopes are ignored", file: access + "/permission.go",
			old: `return contains(p.GetScopePermissions(), resource, action)`, new: `return true`,
			pkg: access, test: "TestAPrincipalMayDoWhatRoleAndScopesBothAllow",
		},
		{
			name: "roles are ignored", file: access + "/permission.go",
			old: `if !contains(p.GetRolePermissions(), resource, action) {`, new: `if p == nil {`,
			pkg: access, test: "TestAPrincipalMayDoWhatRoleAndScopesBothAllow",
		},
		{
			name: "an access token decides on a proposal", file: access + "/rule.go",
			old: `if p.GetKind() != authzv1.PrincipalKind_PRINCIPAL_KIND_MEMBER {`, new: `if p.GetKind() == authzv1.PrincipalKind_PRINCIPAL_KIND_UNSPECIFIED {`,
			pkg: "services/okrstore/internal/api", test: "TestNoAccessTokenDecidesOnAProposal",
		},
		{
			name: "a token proposes what its scopes do not cover", file: access + "/rule.go",
			old: `if !covers(p, write) {`, new: `if !covers(p, write) && p == nil {`,
			pkg: access, test: "TestAWriteIsProposedByWhoseScopesCoverItAndWhoMayRead",
		},
		{
			name: "a server starts with a method that has no rule", file: access + "/rule.go",
			old: `return nil, errors.New("the method has no access rule")`, new: `return &accessv1.Rule{Public: true}, nil`,
			pkg: access, test: "TestAMethodHasExactlyOneWholeRule",
		},
		{
			name: "a transaction token that was verified is good for ever", file: access + "/txntoken.go",
			old: `if v.now().Before(identity.Expire) {`, new: `if !v.now().IsZero() {`,
			pkg: access, test: "TestAVerifiedTokenIsForgottenAtTheSecondItExpires",
		},
		{
			name: "a transaction token that has expired is taken", file: access + "/txntoken.go",
			old: `jwt.WithTimeFunc(now),`, new: `jwt.WithTimeFunc(func() time.Time { return now().Add(-TxnTokenLifetime) }),`,
			pkg: access, test: "TestATransactionTokenThatIsNotExactlyOneIsRefused",
		},
		{
			name: "a transaction token lives as long as it says", file: access + "/txntoken.go",
			old: `claims.ExpiresAt.Sub(claims.IssuedAt.Time) > TxnTokenLifetime ||`, new: `claims.ExpiresAt == nil ||`,
			pkg: access, test: "TestATransactionTokenThatIsNotExactlyOneIsRefused",
		},
		{
			name: "a transaction token outlives its credential", file: access + "/txntoken.go",
			old: "expire = credential\n", new: "expire = now.Add(TxnTokenLifetime)\n",
			pkg: access, test: "TestATransactionTokenEndsWithItsCredential",
		},
		{
			name: "a transaction token for another service is taken", file: access + "/txntoken.go",
			old: "\t\t\tjwt.WithAudience(TxnTokenAudience),\n", new: "",
			pkg: access, test: "TestATransactionTokenThatIsNotExactlyOneIsRefused",
		},
		{
			name: "any token of authz's keys is a transaction token", file: access + "/txntoken.go",
			old: `typ != TxnTokenType {`, new: `typ == "" {`,
			pkg: access, test: "TestATransactionTokenThatIsNotExactlyOneIsRefused",
		},
		{
			name: "answers are remembered for any kind of credential", file: access + "/resolver.go",
			old: `kind, value = "bearer", c.Bearer`, new: `kind, value = "access_token", c.Bearer`,
			pkg: access, test: "TestAnAnswerIsRememberedWhileItsTransactionTokenIsGoodForACall",
		},
		{
			name: "whoever guesses tokens is not counted", file: access + "/resolver.go",
			old: `if !r.answers.Contains(key) {`, new: `if false {`,
			pkg: "gateway/mcp", test: "TestAnInventedAddressNeitherDodgesTheLimitNorLocksOthersOut",
		},
		{
			name: "others at an address keep out who is known", file: access + "/resolver.go",
			old: `if !r.answers.Contains(key) {`, new: `if r != nil {`,
			pkg: "gateway/rest", test: "TestWhoIsKnownIsNotKeptOutByOthersAtTheSameAddress",
		},
		{
			name: "a call may carry two credentials", file: access + "/resolver.go",
			old: `case len(txn)+len(bearer) > 1:`, new: `case len(txn)+len(bearer) > 99:`,
			pkg: access, test: "TestAServiceTakesExactlyOneCredential",
		},
		{
			name: "validation comes before authorization", file: server + "/chain.go",
			old: "ctx, _, err := c.authorize(ctx, method, req)\n\tif err != nil {", new: "if err := Validate(protovalidate.GlobalValidator, req, \"\"); err != nil {\n\t\treturn nil, err\n\t}\n\tctx, _, err := c.authorize(ctx, method, req)\n\tif err != nil {",
			pkg: server, test: "TestAuthenticationComesBeforeAuthorizationAndBothBeforeValidation",
		},
		{
			name: "a stream outlives its identity", file: server + "/chain.go",
			old: `time.AfterFunc(time.Until(identity.Expire), func`, new: `time.AfterFunc(time.Hour+time.Until(identity.Expire), func`,
			pkg: server, test: "TestAStreamEndsWhenItsIdentityDoes",
		},
		{
			name: "a watch outlives its token", file: server + "/chain.go",
			old: `time.AfterFunc(time.Until(identity.Expire), func`, new: `time.AfterFunc(time.Hour+time.Until(identity.Expire), func`,
			pkg: "services/okrstore/internal/api", test: "TestWatchEndsWhenTheCallersCredentialExpires",
		},
		{
			name: "nobody is limited", file: limits + "/ratelimit.go",
			old: `if bucket.Allow() {`, new: `if bucket.Allow() || bucket != nil {`,
			pkg: limits, test: "TestWhatIsRefusedIsCounted",
		},
		{
			name: "calls of a caller are not limited", file: server + "/limit.go",
			old: `if p == nil || l.callers == nil {`, new: `if p == nil || l.callers != nil {`,
			pkg: server, test: "TestACallerIsLimitedByOrganizationAndClient",
		},
		{
			name: "all organizations share one limit", file: server + "/limit.go",
			old: `p.GetOrganizationId() + "\x00" + p.GetClientId()`, new: `p.GetClientId()`,
			pkg: server, test: "TestACallerIsLimitedByOrganizationAndClient",
		},
		{
			name: "an access token that has expired is taken", file: stytch + "/verify.go",
			old: `if !c.cfg.Now().Before(claims.ExpiresAt.Time) {`, new: `if claims.ExpiresAt == nil {`,
			pkg: stytch, test: "TestATokenExpiresByTheClientsClock",
		},
		{
			name: "a session JWT passes for an access token", file: stytch + "/verify.go",
			old: "if claims.isSession() {\n\t\treturn nil, fmt.Errorf(\"%w: it is a session JWT\"", new: "if claims == nil {\n\t\treturn nil, fmt.Errorf(\"%w: it is a session JWT\"",
			pkg: stytch, test: "TestOneKindOfTokenDoesNotPassForTheOther",
		},
		{
			name: "tokens are taken whatever their algorithm", file: stytch + "/verify.go",
			old: `case parsed.Header["alg"] != algorithm:`, new: `case parsed.Header["alg"] == nil:`,
			pkg: stytch, test: "TestOtherAlgorithmsAreRefusedWhateverTheKeySetAllows",
		},
		{
			name: "an access token for another resource is taken", file: authz + "/internal/api/verdict.go",
			old: `if named {`, new: `if named && v.now().IsZero() {`,
			pkg: authz, test: "TestCredentialsOfTheWrongKindAreRefused",
		},
		{
			name: "halves of two sessions are one", file: authz + "/internal/api/verdict.go",
			old: `p.session.SessionID != found.sessionID`, new: `p.session.SessionID == ""`,
			pkg: authz, test: "TestCredentialsOfTheWrongKindAreRefused",
		},
		{
			name: "a verdict serves for ever while Stytch is away", file: authz + "/internal/api/verdict.go",
			old: `now.Sub(found.asked) <= v.staleLimit`, new: `!found.asked.IsZero()`,
			pkg: authz, test: "TestAVerdictServesNoLongerThanTheLimitThoughTheRestOfStytchAnswers",
		},
		{
			name: "Stytch is never asked again", file: authz + "/internal/api/verdict.go",
			old: `!v.now().Before(found.again)`, new: `v.now().IsZero()`,
			pkg: authz, test: "TestChangesAtStytchTakeEffectAtTheNextCheck",
		},
		{
			name: "a logout is noticed at the next check only", file: authz + "/internal/api/verdict.go",
			old: `now.Sub(found.asked) <= v.staleLimit && !v.isForgotten(found)`, new: `now.Sub(found.asked) <= v.staleLimit`,
			pkg: authz, test: "TestAfterALogoutHereTheSessionIsOverAtOnce",
		},
		{
			name: "any edge key names the surface", file: authz + "/internal/api/authenticator.go",
			old: `if subtle.ConstantTimeCompare(sum[:], e.key[:]) == 1 {`, new: `if subtle.ConstantTimeCompare(sum[:], e.key[:]) >= 0 {`,
			pkg: authz, test: "TestTheSurfaceIsThatOfTheEdgeKey",
		},
		{
			name: "a consent is sealed for everybody", file: authz + "/internal/seal/seal.go",
			old: `key.Open(nil, nil, raw, context)`, new: `key.Open(nil, nil, raw, context[:0])`,
			pkg: authz + "/internal/seal", test: "TestOnlyTheRightKeyAndContextOpenASeal",
		},
		{
			name: "a PKCE verifier is not compared", file: devidp + "/internal/api/sign_in.go",
			old: `case !same(challenge, token.S256(verifier)):`, new: `case challenge == token.S256(challenge):`,
			pkg: devidp, test: "TestPKCEBindsALandingToItsStart",
		},
		{
			name: "an authorization code needs no PKCE verifier", file: devidp + "/internal/api/oauth_token.go",
			old: `case checkPKCE(code.CodeChallenge, p.get("code_verifier")) != nil:`, new: `case code.CodeChallenge == "none":`,
			pkg: devidp, test: "TestACodeIsGoodOnceAndForItsClientOnly",
		},
		{
			name: "an authorization code is good twice", file: devidp + "/internal/api/oauth_token.go",
			old: "code.Used = true\n", new: "code.Used = false\n",
			pkg: devidp, test: "TestACodeIsGoodOnceAndForItsClientOnly",
		},
		{
			name: "a refresh token is good twice", file: devidp + "/internal/api/oauth_token.go",
			old: "held.Rotated = true\n", new: "held.Rotated = false\n",
			pkg: devidp, test: "TestRefreshTokensRotateAndReuseEndsTheFamily",
		},
		{
			name: "a request has text that is not UTF-8", file: codec + "/protocodec.go",
			old: `return server{standard()}`, new: `return server{client{standard()}}`,
			pkg: codec, test: "TestAServiceRefusesTextThatIsNotUTF8",
		},
		{
			name: "an answer is part of a buffer that another one gets", file: codec + "/protocodec.go",
			old: `m.UnmarshalVTUnsafe(data.Materialize())`, new: `m.UnmarshalVTUnsafe(data.MaterializeToBuffer(mem.DefaultBufferPool()).ReadOnlyData())`,
			pkg: codec, test: "TestAnAnswerOutlivesTheBuffersThatItCameIn",
		},
	}
}
