"""Language by path: the tables, every rule on both sides, shebangs, and what no input may break."""

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.language_rules import RULES
from udfs.language_table import INTERPRETERS, NAMES, PREFIXES, SUFFIXES
from udfs.languages import HEAD_BYTES, LANGUAGES, language_of

PLAIN_SUFFIXES = [(suffix, language) for language, words in SUFFIXES.items() for suffix in words.split()]
RULED_SUFFIXES = [suffix for rule in RULES for suffix in rule.suffixes.split()]


def test_there_are_the_89_languages_of_the_report_sorted():
    assert len(LANGUAGES) == 89
    assert list(LANGUAGES) == sorted(set(LANGUAGES))
    assert {"Java Server Pages", "Literate Agda", "RMarkdown", "reStructuredText", "AWK", "CUDA", "MATLAB"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_can_be_reached(language):
    by_rule = {case.language for rule in RULES for case in rule.cases} | {rule.otherwise for rule in RULES}
    assert SUFFIXES[language].split() or language in by_rule


def test_every_language_named_in_a_table_is_one_of_the_89():
    named = (
        {*NAMES, *PREFIXES, *INTERPRETERS} | {case.language for rule in RULES for case in rule.cases} | {rule.otherwise for rule in RULES}
    )
    assert named - {None} <= set(LANGUAGES)


@pytest.mark.parametrize("tables", [[SUFFIXES], [NAMES], [PREFIXES], [INTERPRETERS]])
def test_nothing_is_claimed_twice(tables):
    claims = Counter(word.lower() for table in tables for words in table.values() for word in words.split())
    if tables == [SUFFIXES]:
        claims += Counter(RULED_SUFFIXES)
    assert [word for word, count in claims.items() if count > 1] == []


def test_suffixes_are_lower_case_and_have_at_most_two_parts():
    for suffix in [*RULED_SUFFIXES, *(suffix for suffix, _ in PLAIN_SUFFIXES)]:
        assert suffix == suffix.lower()
        assert suffix.count(".") in (1, 2)


@pytest.mark.parametrize(("suffix", "language"), PLAIN_SUFFIXES)
def test_a_suffix_gives_its_language(suffix, language):
    assert language_of(f"src/Some.Name{suffix.upper()}", b"") == language


@pytest.mark.parametrize(("name", "language"), [(name, language) for language, names in NAMES.items() for name in names.split()])
def test_a_whole_name_gives_its_language(name, language):
    assert language_of(f"a/b.py/{name}", b"") == language


@pytest.mark.parametrize(
    ("path", "head", "language"),
    [
        ("Makefile.am", b"SUBDIRS = a", "Makefile"),
        ("makefile-common", b"", "Makefile"),
        ("Dockerfile.prod", b"", "Dockerfile"),
        ("Dockerfile.rs", b"# build\nFROM rust:1\n", "Dockerfile"),
        ("dockerfile.py", b"from x import y\n", "Python"),
        ("Makefile.PL", b"", "Perl"),
        ("makefile.py", b"", "Python"),
        ("Jenkinsfile.release", b"", "Groovy"),
        ("build.gradle.kts", b"", "Kotlin"),
        ("x.lagda.md", b"", "Literate Agda"),
        ("cmake/x.cmake.in", b"", "CMake"),
        ("build.zig.zon", b"", "Zig"),
        ("archive.tar.gz", b"", None),
        ("BUILD", b"", None),
        ("notes.txt", b"", None),
        ("", b"", None),
        ("dir.py/", b"", None),
    ],
)
def test_prefixes_and_longest_suffixes(path, head, language):
    assert language_of(path, head) == language


RULE_CASES = [
    (".h", b"#include <stdio.h>\nint f(void);\n", "C"),
    (".h", b"#pragma once\n/* a class of things, std and all */\nint f(void);\n", "C"),
    (".h", b"#pragma once\nnamespace a {\n", "C++"),
    (".h", b"class A : public B {\n", "C++"),
    (".h", b"#include <vector>\n", "C++"),
    (".h", b"void f(std::string s);\n", "C++"),
    (".h", b"#import <Foundation/Foundation.h>\n", None),
    (".hh", b"#pragma once\n", "C++"),
    (".hh", b"<?hh // strict\n", None),
    (".m", b"function y = f(x)\n  y = x;\nend\n", "MATLAB"),
    (".m", b"% (* not a comment *)\nx = 1;\n", "MATLAB"),
    (".m", b"#import <Foo.h>\n@implementation Foo\n", None),
    (".m", b"(* ::Package:: *)\nf[x_] := x^2\n", "Mathematica"),
    (".m", b"f[x_, y_Integer] := x\n", "Mathematica"),
    (".m", b":- module hello.\n", None),
    (".mm", b"int main() {}", None),
    (".pl", b"use strict;\nmy $x = 1;\n", "Perl"),
    (".pl", b"print 1;\n", "Perl"),
    (".pl", b":- module(m, [a/1]).\na(1).\n", "Prolog"),
    (".pl", b"parent(tom, bob).\n", "Prolog"),
    (".pl", b"#!/usr/bin/perl\n# :- is not used\nfoo(1).\n", "Perl"),
    (".pl", b"use v6;\n", None),
    (".pm", b"package Foo;\n", "Perl"),
    (".pm", b"/* XPM */\n", None),
    (".pm", b"unit module Foo;\n", None),
    (".t", b"use Test::More;\n", "Perl"),
    (".t", b"  $ echo foo\n  foo\n", None),
    (".al", b"package POSIX;\n", "Perl"),
    (".al", b'codeunit 50100 "x"\n{\n', None),
    (".cgi", b"#!/usr/bin/perl -w\n", "Perl"),
    (".cgi", b"", None),
    (".v", b"module a(input b);\n", "Verilog"),
    (".v", b"Require Import List.\n", None),
    (".v", b"Theorem a : True.\nProof. trivial. Qed.\n", None),
    (".v", b"module main\nfn main() {\n", None),
    (".vh", b"`define A 1\n", "Verilog"),
    (".vh", b"typedef struct {\n", "SystemVerilog"),
    (".r", b"f <- function(x) x\n", "R"),
    (".r", b'REBOL [ Title: "x" ]\n', None),
    (".rd", b"\\name{x}", None),
    (".cls", b"\\NeedsTeXFormat{LaTeX2e}\n", "TeX"),
    (".cls", b"VERSION 1.0 CLASS\r\nBEGIN\r\n", "Visual Basic"),
    (".cls", b"public class A {\n", None),
    (".bas", b'Attribute VB_Name = "x"\n', "Visual Basic"),
    (".bas", b'10 PRINT "x"\n', None),
    (".frm", b"VERSION 5.00\n", "Visual Basic"),
    (".frm", b"[form]\n", None),
    (".vba", b"Sub a()\n", "Visual Basic"),
    (".vba", b'" Vimball Archiver\nUseVimball\n', None),
    (".s", b"\t.text\nmain:\n", "Assembly"),
    (".s", b"(define (f x) x)\n", "Scheme"),
    (".s", b"f <- function(x) x\n", "R"),
    (".i", b"main: mov a, b\n", "Assembly"),
    (".i", b"%module example\n", None),
    (".inc", b"<?php\n$a = 1;\n", "PHP"),
    (".inc", b"{$mode objfpc}\n", "Pascal"),
    (".inc", b"<html>\n", "HTML"),
    (".inc", b"#define A 1\n", "C"),
    (".inc", b"namespace a {\n", "C++"),
    (".inc", b"%macro a 1\n", "Assembly"),
    (".inc", b"require conf/base.conf\n", None),
    (".ts", b"export const a = 1;\n", "TypeScript"),
    (".ts", b'<?xml version="1.0"?>\n<!DOCTYPE TS>\n', None),
    (".tsx", b'\n<tileset name="x">\n', None),
    (".tsx", b"const a = <div/>;\n", "TypeScript"),
    (".pro", b"a(X) :- b(X).\n", "Prolog"),
    (".pro", b"QT += core\nTEMPLATE = app\n", None),
    (".plt", b":- begin_tests(a).\n", "Prolog"),
    (".plt", b"set terminal png\n", None),
    (".fs", b"module A\nlet f\n    : int = 1\n", "F#"),
    (".fs", b"#version 330\nvoid main() {}\n", "GLSL"),
    (".fs", b": square dup * ;\n", None),
    (".frag", b"void main() { gl_FragColor = x; }\n", "GLSL"),
    (".frag", b"window.x = 1\n", None),
    (".gs", b"function f() {}\n", "JavaScript"),
    (".gs", b"#version 330\n", "GLSL"),
    (".gs", b"uses GLib\n", None),
    (".ml", b"let rec f x = List.map (fun y -> y) x\n", "OCaml"),
    (".ml", b"fun f x = x\n", "Standard ML"),
    (".ml", b"structure A = struct\n", "Standard ML"),
    (".sig", b"signature A = sig\n", "Standard ML"),
    (".sig", b"-----BEGIN PGP SIGNATURE-----\n", None),
    (".cs", b"class A { bool b = !c; }\n", "C#"),
    (".cs", b"!Object methodsFor: 'x'!\n", "Smalltalk"),
    (".st", b"Object subclass: #A\n", "Smalltalk"),
    (".st", b"hello $name$\n", None),
    (".d", b"a.o: a.c a.h\n", "Makefile"),
    (".d", b"import std.stdio;\n", None),
    (".as", b"package {}", None),
    (".es", b"export default 1\n", "JavaScript"),
    (".es", b"#!/usr/bin/env escript\n%% a\n", "Erlang"),
    (".f", b"      program a\n", "Fortran"),
    (".for", b": a 1 ;\n", None),
    (".g", b"grammar A;\n", "ANTLR"),
    (".g", b"x := 1;\n", None),
    (".lisp", b"(defun f (x) x)\n", "Common Lisp"),
    (".lsp", b"(define (f x) x)\n", None),
    (".cl", b"(in-package :a)\n", "Common Lisp"),
    (".cl", b"__kernel void f() {}\n", None),
    (".md", b"# Title\n", "Markdown"),
    (".md", b';; x\n(define_insn "a"\n', None),
    (".scd", b"sway(1)\n\n# NAME\n", "Markdown"),
    (".scd", b"s.boot;\n", None),
    (".p", b"program a;\n", "Pascal"),
    (".p", b":- table a/1.\n", "Prolog"),
    (".p", b"FOR EACH customer:\n", None),
    (".pp", b"unit a;\ninterface\n", "Pascal"),
    (".pp", b"class apache {\n", None),
    (".rs", b"fn main() {}\n", "Rust"),
    (".rs", b"#pragma version(1)\n", None),
    (".sc", b"object A {\n", "Scala"),
    (".sc", b"Foo : Bar {\n", None),
    (".scm", b"(define (f x) x)\n", "Scheme"),
    (".scm", b"(identifier) @variable\n", None),
    (".sls", b"(library (a))\n", "Scheme"),
    (".sls", b"nginx:\n  pkg.installed\n", None),
    (".sol", b"contract A {}\n", "Solidity"),
    (".sol", b"G04 x*\n", None),
    (".do", b"use data, clear\n", "Stata"),
    (".do", b"vlib work\n", "Tcl"),
    (".tm", b"package provide a 1\n", "Tcl"),
    (".tm", b"<TeXmacs|1.0>\n", None),
    (".y", b"%%\n", "Yacc"),
    (".yy", b"%token A\n", "Yacc"),
    (".yy", b'{\n "id": 1}', "JSON"),
    (".bb", b"(ns a)\n", "Clojure"),
    (".bb", b'SUMMARY = "x"\n', None),
    (".bs", b"package A where\n", "Bluespec"),
    (".bs", b"sub main()\n", None),
    (".cmd", b"@echo off\n", "Batchfile"),
    (".cmd", b"cmd_a.o := gcc a.c\n", None),
    (".tag", b'<%@ tag body-content="empty" %>\n', "Java Server Pages"),
    (".tag", b"<tagfile>\n", None),
    (".nb", b"Notebook[{\n", "Mathematica"),
    (".nb", b"text\n", None),
]


@pytest.mark.parametrize(("suffix", "head", "language"), RULE_CASES)
def test_a_shared_suffix_is_judged_by_its_rule(suffix, head, language):
    assert language_of("a/b" + suffix, head) == language


def test_every_rule_is_tried_on_each_of_its_sides():
    tried = {(suffix, language) for suffix, _, language in RULE_CASES}
    for rule in RULES:
        sides = {case.language for case in rule.cases} | {rule.otherwise}
        for side in sides:
            assert any((suffix, side) in tried for suffix in rule.suffixes.split()), (rule.suffixes, side)


@pytest.mark.parametrize(
    ("head", "language"),
    [
        (b"#!/usr/bin/env -S python3 -u\n", "Python"),
        (b"#!/usr/bin/env -S A=1 python3.11\n", "Python"),
        (b"#!/usr/bin/python2.7\r\nx", "Python"),
        (b"#!/usr/bin/env -S uv run --script\n", "Python"),
        (b"#!/bin/sh", "Shell"),
        (b"#! /bin/bash -e\n", "Shell"),
        (b"#!/usr/bin/perl -w\n", "Perl"),
        (b"#!/usr/bin/perl5.36.0\n", "Perl"),
        (b"#!/usr/bin/env ruby\n", "Ruby"),
        (b"#!/usr/bin/env node\n", "JavaScript"),
        (b"#!/usr/bin/env Rscript\n", "R"),
        (b"#!/usr/bin/tclsh8.6\n", "Tcl"),
        (b"#!/bin/tcsh -f\n", "Tcsh"),
        (b"#!/usr/bin/awk -f\n", "AWK"),
        (b"#!/usr/bin/make -f\n", "Makefile"),
        (b"#!/usr/bin/guile-3.0 -s\n!#\n", "Scheme"),
        (b'#!/bin/sh\n# restart \\\nexec tclsh "$0" "$@"\n', "Tcl"),
        (b'#!/bin/sh\nexec "$SHELL" -c "$0"\n', "Shell"),
        (b"#!/usr/bin/unknown\n", None),
        (b"#!\n", None),
        (b"#!/usr/bin/env\n", None),
        (b"#!/usr/bin/env -i\n", None),
        (b"# !/bin/sh\n", None),
        (b"\n#!/bin/sh\n", None),
    ],
)
def test_a_shebang_gives_the_language_of_its_program(head, language):
    assert language_of("bin/tool", head) == language


def test_a_suffix_goes_before_a_shebang():
    assert language_of("a.py", b"#!/bin/sh\n") == "Python"


def test_what_follows_the_head_is_not_looked_at():
    filler = b"x" * (HEAD_BYTES - 1) + b"\n"
    assert language_of("a.h", filler + b"namespace a {\n") == "C"
    assert language_of("a.h", filler[8:] + b"A::b\n" + b"\n" * 9) == "C++"


ANY_SUFFIX = st.sampled_from(["", *RULED_SUFFIXES, *(suffix for suffix, _ in PLAIN_SUFFIXES)])
ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@settings(deadline=None)
@given(ANY_TEXT, ANY_SUFFIX, st.one_of(st.binary(), st.binary().map(lambda tail: b"#!" + tail)))
def test_it_never_raises_and_gives_one_of_the_89_or_none(name, suffix, head):
    assert language_of(name + suffix, head) in {*LANGUAGES, None}


STARTS = [
    b"",
    b"|",
    b"a(",
    b"class ",
    b"function ",
    b"module ",
    b"fun ",
    b"import ",
    b"f[",
    b"virtual ",
    b"unit ",
    b"A :",
    b"#include <",
    b"{",
]
UNITS = [
    b"\n",
    b" ",
    b"\t",
    b"a",
    b"A",
    b"a ",
    b"a(",
    b"[a",
    b"_",
    b"| a",
    b" @a",
    b");",
    b"=",
    b"a.o",
    b"\n:",
    b"\nclass a",
    b"\nfunction a;",
]


@pytest.mark.parametrize("unit", UNITS)
def test_no_head_makes_a_rule_slow(unit):
    heads = [start + unit * (HEAD_BYTES // len(unit)) for start in STARTS]
    for suffix in RULED_SUFFIXES:
        for head in heads:
            start = time.process_time()
            language_of("a" + suffix, head)
            assert time.process_time() - start < 0.05, (suffix, head[:20])
