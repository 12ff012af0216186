@NullMarked
package io.spillway.request.coordinator;

import org.jspecify.annotations.NullMarked;
