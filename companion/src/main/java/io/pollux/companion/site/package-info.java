// SPDX-License-Identifier: GPL-2.0-only

/** The pages, their frame, the search index, and the check of links. */
@NullMarked
package io.pollux.companion.site;

import org.jspecify.annotations.NullMarked;
