// SPDX-License-Identifier: GPL-2.0-only

/**
 * The reading companion: a static site for a reader of the series.
 *
 * <p>{@link io.pollux.companion.Companion#build} reads a source tree and writes the site. The
 * compiler's own trees give declarations, references and annotations. Markdown files give the
 * texts, in {@code companion/src/main/resources/io/pollux/companion/text}.
 *
 * <p><b>Pages.</b>
 *
 * <ul>
 *   <li>{@code index.html}: where to start.
 *   <li>{@code start.html}, {@code debugging.html}, {@code glossary.html}, {@code exercises.html}.
 *   <li>{@code patch/NN.html}: one page for each patch, and {@code patch/index.html}.
 *   <li>{@code src/NAME.html}: one page for each Java file, named after its class, and {@code
 *       src/index.html}.
 *   <li>{@code c.html}: C names and their Java counterparts.
 *   <li>{@code ledger.html}: the differences from the posting.
 *   <li>{@code maps/NAME.html}: locks, memory order, ownership, errnos.
 *   <li>{@code numbers.html}: the series' table and this kernel's.
 *   <li>{@code life/NAME.html} and {@code ring.html}: made from text pages that name their scripts
 *       and data in their front matter.
 * </ul>
 *
 * <p><b>Invariants.</b> The site is static: it works from file://, and no page fetches anything.
 * Two builds of one tree write the same bytes. A build writes the whole site, or throws a {@link
 * io.pollux.companion.CompanionException} that lists every fault. Faults are:
 *
 * <ul>
 *   <li>a C name of the series that no element has;
 *   <li>a patch without text;
 *   <li>a link or an anchor without a target;
 *   <li>a note or an exercise whose target does not exist.
 * </ul>
 *
 * <p><b>Packages</b>, each of which sees only those before it: {@code source} (files, declarations
 * and references), {@code text} (Markdown), {@code site} (pages, search, links), and this one.
 */
@NullMarked
package io.pollux.companion;

import org.jspecify.annotations.NullMarked;
