import CSCNKernels
import Testing

@Suite struct DispatchTests {
    @Test func tablesAreListedFromThePortableOne() {
        #expect(Table.all.first?.description == "generic")
        #expect(scn_kernels_at(-1) == nil && scn_kernels_at(100) == nil)
        #expect(Set(Table.all.map(\.description)).isSubset(of: ["generic", "avx2", "avx512"]))
    }

    @Test func aTableOrAReason() {
        #expect((scn_kernels() == nil) == (scn_kernels_error().pointee != 0))
    }
}
