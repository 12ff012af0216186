@NullMarked
package io.spillway.catalog.index;

import org.jspecify.annotations.NullMarked;
