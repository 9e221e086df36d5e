// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import org.jspecify.annotations.Nullable;

/**
 * A name in a text that refers to a declaration.
 *
 * @param file the file of the name
 * @param at the offset of the name
 * @param length the length of the name
 * @param from the declaration around the name; null in an import
 * @param to the declaration, or null for a local variable
 * @param targetLine the line of a local variable, or 0
 */
public record Ref(
    SourceFile file, int at, int length, @Nullable Decl from, @Nullable Decl to, int targetLine) {
  /** The line of the name, from 1. */
  public int line() {
    return file.lineOf(at);
  }
}
