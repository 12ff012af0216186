@NullMarked
package io.spillway.cache;

import org.jspecify.annotations.NullMarked;
