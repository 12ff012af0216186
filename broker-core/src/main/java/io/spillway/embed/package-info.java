/** The public API: a broker inside one's own process. */
@NullMarked
package io.spillway.embed;

import org.jspecify.annotations.NullMarked;
