// SPDX-License-Identifier: GPL-2.0-only
/**
 * Checks the words of the documentation and of Javadoc: the actor is named, and a sentence has at
 * most 40 words.
 *
 * <ul>
 *   <li>{@link io.pollux.it.words.Prose} masks what is not prose, such as code.
 *   <li>{@link io.pollux.it.words.WordChecker} reports findings in what remains.
 *   <li>{@link io.pollux.it.words.WordsTest} runs it over the pages and over the modules that are
 *       clean.
 * </ul>
 */
@NullMarked
package io.pollux.it.words;

import org.jspecify.annotations.NullMarked;
