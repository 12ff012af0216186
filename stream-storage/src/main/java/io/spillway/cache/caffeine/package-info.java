/** The cache of a live broker; the only package that knows Caffeine. */
@NullMarked
package io.spillway.cache.caffeine;

import org.jspecify.annotations.NullMarked;
