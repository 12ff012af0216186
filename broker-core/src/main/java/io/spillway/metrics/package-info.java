/** What the broker counts, and its page of metrics. */
@NullMarked
package io.spillway.metrics;

import org.jspecify.annotations.NullMarked;
