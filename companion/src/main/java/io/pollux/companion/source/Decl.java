// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A declaration of a type, a method, a constructor or a field. */
public final class Decl {
  /** What is declared. */
  public enum Kind {
    /** A class, interface, record, enum or annotation. */
    TYPE,
    /** A method. */
    METHOD,
    /** A constructor. */
    CONSTRUCTOR,
    /** A field, an enum constant or a record component. */
    FIELD
  }

  /** Names of one C file that a declaration is the counterpart of; no names for the whole file. */
  public record LinuxName(String file, List<String> names) {}

  /** A difference from the posting. */
  public record Difference(Decl decl, int patch, String kind, String why, String test) {}

  private final SourceFile file;
  private final Kind kind;
  private final String owner;
  private final String name;
  private final String id;
  private final int nameAt;
  private final int start;
  private final int end;
  private final String doc;
  private final String signature;

  // filled while the trees are read
  final List<Integer> patches = new ArrayList<>();
  final List<LinuxName> linux = new ArrayList<>();
  final List<Difference> differences = new ArrayList<>();
  final List<Decl> supers = new ArrayList<>();
  final List<Decl> subs = new ArrayList<>();
  final List<Ref> uses = new ArrayList<>();
  boolean test;
  boolean constant;

  Decl(
      SourceFile file,
      Kind kind,
      String owner,
      String name,
      String id,
      int nameAt,
      int start,
      int end,
      String doc,
      String signature) {
    this.file = file;
    this.kind = kind;
    this.owner = owner;
    this.name = name;
    this.id = id;
    this.nameAt = nameAt;
    this.start = start;
    this.end = end;
    this.doc = doc;
    this.signature = signature;
  }

  /** The file. */
  public SourceFile file() {
    return file;
  }

  /** What is declared. */
  public Kind kind() {
    return kind;
  }

  /** The enclosing types, such as {@code Outer.Inner}; empty for a type at the top. */
  public String owner() {
    return owner;
  }

  /** The simple name. */
  public String name() {
    return name;
  }

  /** The anchor on the file's page. */
  public String id() {
    return id;
  }

  /** The offset of the name. */
  public int nameAt() {
    return nameAt;
  }

  /** The offset of the first character, after the documentation comment. */
  public int start() {
    return start;
  }

  /** The offset after the last character. */
  public int end() {
    return end;
  }

  /** The line of the name, from 1. */
  public int line() {
    return file.lineOf(nameAt);
  }

  /** The first sentence of the documentation comment as plain text; may be empty. */
  public String doc() {
    return doc;
  }

  /** The parameters of a method, such as {@code (Sink, int)}; empty for others. */
  public String signature() {
    return signature;
  }

  /** The name with its class, such as {@code IopollList.reap}. */
  public String shown() {
    return owner.isEmpty() ? name : owner + "." + name;
  }

  /** The page and the anchor, relative to {@code src/}. */
  public String href() {
    return file.page() + "#" + id;
  }

  /** The patches that changed the C counterpart. */
  public List<Integer> patches() {
    return patches;
  }

  /** The C counterparts. */
  public List<LinuxName> linux() {
    return linux;
  }

  /** The differences from the posting. */
  public List<Difference> differences() {
    return differences;
  }

  /** The types that it extends, or the methods that it overrides. */
  public List<Decl> supers() {
    return supers;
  }

  /** The types that extend it, or the methods that override it. */
  public List<Decl> subs() {
    return subs;
  }

  /**
   * The methods outside tests that implement or override it, those of fixtures last; empty for
   * other declarations.
   */
  public List<Decl> implementers() {
    return kind == Kind.METHOD
        ? subs.stream()
            .filter(sub -> !sub.file.test())
            .sorted(
                Comparator.comparing((Decl sub) -> sub.file.module().endsWith("/fixtures"))
                    .thenComparing(Decl::owner)
                    .thenComparing(Decl::id))
            .toList()
        : List.of();
  }

  /** The references to it. */
  public List<Ref> uses() {
    return uses;
  }

  /** Whether it is a test method. */
  public boolean test() {
    return test;
  }

  /** Whether it is an enum constant. */
  public boolean constant() {
    return constant;
  }

  /** Whether it is a method that only overrides another, without a C name or words of its own. */
  public boolean overridesOnly() {
    return kind == Kind.METHOD && !supers.isEmpty() && linux.isEmpty() && doc.isEmpty();
  }

  /** Whether an offset is inside of it. */
  public boolean contains(int offset) {
    return start <= offset && offset < end;
  }

  @Override
  public String toString() {
    return owner.isEmpty() ? name : owner + (kind == Kind.TYPE ? "." : "#") + name;
  }
}
