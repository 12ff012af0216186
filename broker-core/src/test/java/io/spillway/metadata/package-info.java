@NullMarked
package io.spillway.metadata;

import org.jspecify.annotations.NullMarked;
