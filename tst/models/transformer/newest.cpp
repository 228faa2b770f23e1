// Attention of the newest step of many series to the steps in a cache, on a CPU, in one pass over
// keys and values: their rows are read once, in the order in which they lie.
//
// Built by `tst.io.native` for the processor at hand and called by `tst.models.transformer.newest`,
// which describes the arguments; float32 and float64. Results do not depend on the number of
// threads.

// Sums may be taken in any order: they are what this file computes, a vector at a time.
#pragma GCC optimize("-ffast-math")

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

// e^x for x <= 0, within 2 units of the last place: 2^n times a polynomial (Cephes) of the rest.
inline float exponential(float x) {
    x = std::max(x, -87.0f);
    const int32_t n = (int32_t)(x * 1.44269504f - 0.5f);  // the nearest: x is not above 0
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    int32_t bits;
    std::memcpy(&bits, &y, sizeof bits);
    bits += n << 23;
    std::memcpy(&y, &bits, sizeof y);
    return y;
}
inline double exponential(double x) { return std::exp(x); }

#ifdef __AVX512F__
constexpr int VECTOR_BYTES = 64;
#else
constexpr int VECTOR_BYTES = 32;
#endif

template <typename T>
struct Simd;
template <>
struct Simd<float> {
    typedef float vec __attribute__((vector_size(VECTOR_BYTES)));
    typedef int32_t index __attribute__((vector_size(VECTOR_BYTES)));
};
template <>
struct Simd<double> {
    typedef double vec __attribute__((vector_size(VECTOR_BYTES)));
    typedef int64_t index __attribute__((vector_size(VECTOR_BYTES)));
};
template <typename T>
constexpr int WIDTH = VECTOR_BYTES / sizeof(T);

template <typename T>
inline typename Simd<T>::vec load(const T* p) {
    typename Simd<T>::vec x;
    std::memcpy(&x, p, sizeof x);
    return x;
}

// Return sums of neighbours: those of a in the lower half, those of b in the upper one.
template <typename T>
inline typename Simd<T>::vec add_neighbours(typename Simd<T>::vec a, typename Simd<T>::vec b) {
    typename Simd<T>::index even;
    for (int i = 0; i < WIDTH<T>; i++) even[i] = 2 * i;
    return __builtin_shuffle(a, b, even) + __builtin_shuffle(a, b, even + 1);
}

// Return the products of a query with as many keys as a vector has numbers.
template <typename T, int SIZE>
inline typename Simd<T>::vec products(const typename Simd<T>::vec* query, const T* keys) {
    constexpr int W = WIDTH<T>;
    typename Simd<T>::vec sums[W];
    for (int t = 0; t < W; t++) {
        sums[t] = query[0] * load(keys + t * SIZE);
        for (int i = 1; i < SIZE / W; i++) sums[t] += query[i] * load(keys + t * SIZE + i * W);
    }
    for (int n = W / 2; n > 0; n /= 2)
        for (int t = 0; t < n; t++) sums[t] = add_neighbours<T>(sums[2 * t], sums[2 * t + 1]);
    return sums[0];
}

template <typename T, int SIZE>
void attend_row(const T* q, const T* keys, const T* values, T slope, long n_steps, T* weights,
                T* y) {
    using vec = typename Simd<T>::vec;
    constexpr int W = WIDTH<T>;
    constexpr int N = SIZE / W;
    vec query[N];
    for (int i = 0; i < N; i++) query[i] = load(q + i * W);
    long first = 0;
    for (; first + W <= n_steps; first += W) {
        const vec product = products<T, SIZE>(query, keys + first * SIZE);
        std::memcpy(weights + first, &product, sizeof product);
    }
    for (; first < n_steps; first++) {
        weights[first] = 0;
        for (int i = 0; i < SIZE; i++) weights[first] += q[i] * keys[first * SIZE + i];
    }
    T top = weights[0] -= slope * (n_steps - 1);
    for (long t = 1; t < n_steps; t++) {
        weights[t] -= slope * (n_steps - 1 - t);
        top = std::max(top, weights[t]);
    }
    T total = 0;
    for (long t = 0; t < n_steps; t++) {
        weights[t] = exponential(weights[t] - top);
        total += weights[t];
    }
    constexpr int WAYS = N > 2 ? 2 : 4;  // sums at a time: an addition takes some cycles
    vec sums[WAYS][N] = {};
    long t = 0;
    for (; t + WAYS <= n_steps; t += WAYS)
        for (int w = 0; w < WAYS; w++)
            for (int i = 0; i < N; i++)
                sums[w][i] += weights[t + w] * load(values + (t + w) * SIZE + i * W);
    for (; t < n_steps; t++)
        for (int i = 0; i < N; i++) sums[0][i] += weights[t] * load(values + t * SIZE + i * W);
    for (int i = 0; i < N; i++) {
        for (int w = 1; w < WAYS; w++) sums[0][i] += sums[w][i];
        sums[0][i] /= total;
        std::memcpy(y + i * W, &sums[0][i], sizeof(vec));
    }
}

template <typename T, int SIZE>
void attend_rows(const T* q, const T* keys, const T* values, const T* slopes, T* y, long first_row,
                 long last_row, long n_head, long row_steps, long n_steps) {
    std::vector<T> weights(n_steps);
    const T root = 1 / std::sqrt((T)SIZE);
    for (long row = first_row; row < last_row; row++) {
        T scaled[SIZE];
        for (int i = 0; i < SIZE; i++) scaled[i] = q[row * SIZE + i] * root;
        const long start = row * row_steps * SIZE;
        const T slope = slopes ? slopes[row % n_head] : 0;
        attend_row<T, SIZE>(scaled, keys + start, values + start, slope, n_steps, weights.data(),
                            y + row * SIZE);
    }
}

template <typename T>
void attend(const T* q, const T* keys, const T* values, const T* slopes, T* y, long n_rows,
            long size, long n_head, long row_steps, long n_steps, long n_threads) {
    auto rows = size == 16   ? attend_rows<T, 16>
                : size == 32 ? attend_rows<T, 32>
                : size == 64 ? attend_rows<T, 64>
                             : attend_rows<T, 128>;
    std::vector<std::thread> others;
    for (long i = 1; i < n_threads; i++)
        others.emplace_back(rows, q, keys, values, slopes, y, n_rows * i / n_threads,
                            n_rows * (i + 1) / n_threads, n_head, row_steps, n_steps);
    rows(q, keys, values, slopes, y, 0, n_rows / n_threads, n_head, row_steps, n_steps);
    for (auto& other : others) other.join();
}

extern "C" void attend_newest_float32(const float* q, const float* keys, const float* values,
                                      const float* slopes, float* y, long n_rows, long size,
                                      long n_head, long row_steps, long n_steps, long n_threads) {
    attend(q, keys, values, slopes, y, n_rows, size, n_head, row_steps, n_steps, n_threads);
}
extern "C" void attend_newest_float64(const double* q, const double* keys, const double* values,
                                      const double* slopes, double* y, long n_rows, long size,
                                      long n_head, long row_steps, long n_steps, long n_threads) {
    attend(q, keys, values, slopes, y, n_rows, size, n_head, row_steps, n_steps, n_threads);
}
