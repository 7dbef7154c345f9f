// Package hostile writes media that mean harm: files that point at other files and hosts, that announce what no machine
// has room for, that unfold, that nest, that end too early. Each is made by code, the same on every run, and small: in
// bytes, or on disk, where a hole stands for what nobody needs.
//
// Most of them are a film of package films with one lie in it, so that a reader that does not mind the lie goes on to
// use it. Every file knows what becomes of it ([File.Want]) and why.
//
// Like everything under filmtest it is for tests only.
package hostile
